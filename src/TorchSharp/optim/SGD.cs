using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>Stochastic gradient descent, with or without momentum.</summary>
        public class SGD : OptimizerHelper, IMomentum
        {
            public SGD(
                IEnumerable<Parameter> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0,
                bool nesterov = false, bool maximize = false)
                : this([new ParamGroup { Parameters = parameters }], lr, momentum, dampening, weight_decay, nesterov, maximize) { }

            public SGD(
                IEnumerable<ParamGroup> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0,
                bool nesterov = false, bool maximize = false)
            {
                if (lr < 0 || momentum < 0 || weight_decay < 0)
                    throw new ArgumentException(
                        $"Invalid SGD options: learning rate {lr}, momentum {momentum}, weight decay {weight_decay}");
                if (nesterov && (momentum <= 0 || dampening != 0))
                    throw new ArgumentException("Nesterov momentum requires a momentum and zero dampening");
                _defaults = new Options {
                    LearningRate = lr, InitialLearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay,
                    nesterov = nesterov, maximize = maximize,
                };
                foreach (var group in parameters)
                    add_param_group(group);
            }

            public double Momentum { get => ((Options)_defaults!).momentum!.Value; set => ((Options)_defaults!).momentum = value; }

            public override void add_param_group(Modules.ParamGroup param_group) =>
                Add(param_group, new Options(), parameter => new State(parameter));

            public override Tensor? step(Func<Tensor>? closure = null) => StepEach<ParamGroup, State>(
                (group, parameter, state, gradient) => Step(group.Options, parameter, state, gradient), closure);

            protected override void Dispose(bool disposing)
            {
                base.Dispose(disposing);
                DisposeStates();
            }

            private static void Step(Options options, Parameter parameter, State state, Tensor gradient)
            {
                var momentum = options.momentum!.Value;
                if (options.weight_decay!.Value != 0)
                    gradient = gradient.add(parameter, alpha: options.weight_decay.Value);
                if (momentum != 0) {
                    if (state.momentum_buffer is { } buffer)
                        buffer.mul_(momentum).add_(gradient, alpha: 1 - options.dampening!.Value);
                    else
                        state.momentum_buffer = gradient.clone().detach().DetachFromDisposeScope();
                    gradient = options.nesterov!.Value ? gradient.add(state.momentum_buffer!, alpha: momentum) : state.momentum_buffer!;
                }
                var rate = options.LearningRate!.Value;
                parameter.add_(gradient, alpha: options.maximize!.Value ? rate : -rate);
            }

            public class Options : OptimizerOptions
            {
                public double? momentum, dampening, weight_decay;
                public bool? nesterov, maximize;

                public override void SaveStateDict(BinaryWriter writer)
                {
                    base.SaveStateDict(writer);
                    writer.Write(momentum!.Value);
                    writer.Write(dampening!.Value);
                    writer.Write(weight_decay!.Value);
                    writer.Write(nesterov!.Value);
                    writer.Write(maximize!.Value);
                }

                public override void LoadStateDict(BinaryReader reader)
                {
                    base.LoadStateDict(reader);
                    (momentum, dampening, weight_decay) = (reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble());
                    (nesterov, maximize) = (reader.ReadBoolean(), reader.ReadBoolean());
                }

                public override void LoadStateDict(OptimizerOptions source)
                {
                    base.LoadStateDict(source);
                    var o = (Options)source;
                    (momentum, dampening, weight_decay, nesterov, maximize) =
                        (o.momentum, o.dampening, o.weight_decay, o.nesterov, o.maximize);
                }

                internal override void Fill(OptimizerOptions from)
                {
                    base.Fill(from);
                    var defaults = (Options)from;
                    momentum ??= defaults.momentum;
                    dampening ??= defaults.dampening;
                    weight_decay ??= defaults.weight_decay;
                    nesterov ??= defaults.nesterov;
                    maximize ??= defaults.maximize;
                }
            }

            public sealed class State(Parameter parameter) : OptimizerState(parameter), IDisposable
            {
                public Tensor? momentum_buffer;

                public override void Initialize(OptimizerOptions options) => Dispose();

                public override void SaveStateDict(BinaryWriter writer) => SaveConditionalStateTensor(writer, momentum_buffer);

                public override void LoadStateDict(BinaryReader reader) =>
                    LoadConditionalStateTensor(reader, ref momentum_buffer, _parameter.device);

                public override void LoadStateDict(OptimizerState source)
                {
                    Dispose();
                    momentum_buffer = Copied(((State)source).momentum_buffer);
                }

                public override void to(Device device) => momentum_buffer = Kept(momentum_buffer, device);

                public override bool ApproximatelyEquals(OptimizerState other) => other is State s
                    && (momentum_buffer is null || s.momentum_buffer is null ? momentum_buffer is null && s.momentum_buffer is null
                        : momentum_buffer.allclose(s.momentum_buffer));

                public void Dispose()
                {
                    momentum_buffer?.Dispose();
                    momentum_buffer = null;
                }
            }

            public class ParamGroup : ParamGroup<Options>, IMomentum
            {
                public ParamGroup() { }

                public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options) { }

                public ParamGroup(
                    IEnumerable<Parameter> parameters, double lr = 1e-3, double momentum = 0, double dampening = 0,
                    double weight_decay = 0, bool nesterov = false, bool maximize = false)
                    : base(parameters, new Options {
                        LearningRate = lr, momentum = momentum, dampening = dampening, weight_decay = weight_decay, nesterov = nesterov,
                        maximize = maximize,
                    }) { }

                public double Momentum { get => Options.momentum!.Value; set => Options.momentum = value; }
            }
        }
    }

    public static partial class torch
    {
        public static partial class optim
        {
            public static Modules.SGD SGD(
                IEnumerable<Parameter> parameters, double learningRate, double momentum = 0, double dampening = 0, double weight_decay = 0,
                bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);

            public static Modules.SGD SGD(
                IEnumerable<(string name, Parameter parameter)> parameters, double learningRate, double momentum = 0, double dampening = 0,
                double weight_decay = 0, bool nesterov = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), learningRate, momentum, dampening, weight_decay, nesterov, maximize);

            public static Modules.SGD SGD(
                IEnumerable<Modules.SGD.ParamGroup> parameters, double learningRate, double momentum = 0, double dampening = 0,
                double weight_decay = 0, bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);
        }
    }
}
