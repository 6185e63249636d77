using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp
{
    namespace Modules
    {
        /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter, 2019), PyTorch's arithmetic.</summary>
        public class AdamW : OptimizerHelper, IBetas
        {
            public AdamW(
                IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                : this([new ParamGroup { Parameters = parameters }], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize) { }

            public AdamW(
                IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
            {
                if (lr < 0 || beta1 is < 0 or >= 1 || beta2 is < 0 or >= 1 || eps < 0 || weight_decay < 0)
                    throw new ArgumentException(
                        $"Invalid AdamW options: lr {lr}, betas ({beta1}, {beta2}), eps {eps}, weight decay {weight_decay}");
                _defaults = new Options {
                    LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay,
                    amsgrad = amsgrad, maximize = maximize,
                };
                foreach (var group in parameters)
                    add_param_group(group);
            }

            public (double, double) Betas {
                get => (((Options)_defaults!).beta1!.Value, ((Options)_defaults).beta2!.Value);
                set => (((Options)_defaults!).beta1, ((Options)_defaults).beta2) = value;
            }

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
                var (beta1, beta2, rate) = (options.beta1!.Value, options.beta2!.Value, options.LearningRate!.Value);
                if (options.maximize!.Value)
                    gradient = -gradient;
                state.step++;
                parameter.mul_(1 - rate * options.weight_decay!.Value);
                state.exp_avg!.mul_(beta1).add_(gradient, alpha: 1 - beta1);
                state.exp_avg_sq!.mul_(beta2).addcmul_(gradient, gradient, value: 1 - beta2);
                var square = state.exp_avg_sq;
                if (options.amsgrad!.Value) {
                    using var before = state.max_exp_avg_sq;
                    square = state.max_exp_avg_sq = maximum(before!, square).DetachFromDisposeScope();
                }
                var scale = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(beta2, state.step))).add_(options.eps!.Value);
                parameter.addcdiv_(state.exp_avg, scale, value: -rate / (1 - Math.Pow(beta1, state.step)));
            }

            public class Options : OptimizerOptions
            {
                public double? beta1, beta2, weight_decay, eps;
                public bool? amsgrad, maximize;

                public override void SaveStateDict(BinaryWriter writer)
                {
                    base.SaveStateDict(writer);
                    foreach (var number in (ReadOnlySpan<double?>)[beta1, beta2, eps, weight_decay])
                        writer.Write(number!.Value);
                    writer.Write(amsgrad!.Value);
                    writer.Write(maximize!.Value);
                }

                public override void LoadStateDict(BinaryReader reader)
                {
                    base.LoadStateDict(reader);
                    (beta1, beta2, eps, weight_decay) = (reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(),
                        reader.ReadDouble());
                    (amsgrad, maximize) = (reader.ReadBoolean(), reader.ReadBoolean());
                }

                public override void LoadStateDict(OptimizerOptions source)
                {
                    base.LoadStateDict(source);
                    var o = (Options)source;
                    (beta1, beta2, eps, weight_decay, amsgrad, maximize) = (o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize);
                }

                internal override void Fill(OptimizerOptions from)
                {
                    base.Fill(from);
                    var defaults = (Options)from;
                    beta1 ??= defaults.beta1;
                    beta2 ??= defaults.beta2;
                    eps ??= defaults.eps;
                    weight_decay ??= defaults.weight_decay;
                    amsgrad ??= defaults.amsgrad;
                    maximize ??= defaults.maximize;
                }
            }

            public sealed class State(Parameter parameter) : OptimizerState(parameter), IDisposable
            {
                public long step;
                public Tensor? exp_avg, exp_avg_sq, max_exp_avg_sq;

                public override void Initialize(OptimizerOptions options)
                {
                    Dispose();
                    step = 0;
                    exp_avg = zeros_like(_parameter).DetachFromDisposeScope();
                    exp_avg_sq = zeros_like(_parameter).DetachFromDisposeScope();
                    if (((Options)options).amsgrad!.Value)
                        max_exp_avg_sq = zeros_like(_parameter).DetachFromDisposeScope();
                }

                public override void SaveStateDict(BinaryWriter writer)
                {
                    writer.Write(step);
                    exp_avg!.Save(writer);
                    exp_avg_sq!.Save(writer);
                    SaveConditionalStateTensor(writer, max_exp_avg_sq);
                }

                public override void LoadStateDict(BinaryReader reader)
                {
                    step = reader.ReadInt64();
                    exp_avg!.Load(reader);
                    exp_avg_sq!.Load(reader);
                    LoadConditionalStateTensor(reader, ref max_exp_avg_sq, _parameter.device);
                }

                public override void LoadStateDict(OptimizerState source)
                {
                    var s = (State)source;
                    Dispose();
                    step = s.step;
                    exp_avg = Copied(s.exp_avg);
                    exp_avg_sq = Copied(s.exp_avg_sq);
                    max_exp_avg_sq = Copied(s.max_exp_avg_sq);
                }

                public override void to(Device device)
                {
                    exp_avg = Kept(exp_avg, device);
                    exp_avg_sq = Kept(exp_avg_sq, device);
                    max_exp_avg_sq = Kept(max_exp_avg_sq, device);
                }

                public override bool ApproximatelyEquals(OptimizerState other) => other is State s && step == s.step
                    && exp_avg!.allclose(s.exp_avg!) && exp_avg_sq!.allclose(s.exp_avg_sq!)
                    && (max_exp_avg_sq is null || max_exp_avg_sq.allclose(s.max_exp_avg_sq!));

                public void Dispose()
                {
                    exp_avg?.Dispose();
                    exp_avg_sq?.Dispose();
                    max_exp_avg_sq?.Dispose();
                    max_exp_avg_sq = null;
                }
            }

            public class ParamGroup : ParamGroup<Options>, IBetas
            {
                public ParamGroup() { }

                public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options) { }

                public ParamGroup(
                    IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                    double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                    : base(parameters, new Options {
                        LearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad,
                        maximize = maximize,
                    }) { }

                public (double, double) Betas {
                    get => (Options.beta1!.Value, Options.beta2!.Value);
                    set => (Options.beta1, Options.beta2) = value;
                }
            }
        }
    }

    public static partial class torch
    {
        public static partial class optim
        {
            public static Modules.AdamW AdamW(
                IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static Modules.AdamW AdamW(
                IEnumerable<(string name, Parameter parameter)> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
                double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static Modules.AdamW AdamW(
                IEnumerable<Modules.AdamW.ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
                double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}
