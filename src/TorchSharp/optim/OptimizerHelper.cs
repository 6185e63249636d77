using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Modules;

/// <summary>What all optimizers share: groups, one state a parameter, and TorchSharp's file format for them.</summary>
public abstract class OptimizerHelper : Optimizer
{
    protected OptimizerOptions? _defaults;
    protected OrderedDict<IntPtr, OptimizerState> _state = new();

    public OptimizerHelper() { }

    public void to(Device device)
    {
        foreach (var parameter in parameters())
            _state[parameter.Handle].to(device);
    }

    public virtual StateDictionary state_dict()
    {
        var states = new StateDictionary();
        foreach (var group in _parameter_groups) {
            states.Options.Add(group.Options!);
            states.StateIndexRef.Add([]);
            foreach (var parameter in group.Parameters!) {
                states.StateIndexRef[^1].Add(states.State.Count);
                states.State.Add(_state[parameter.Handle]);
            }
        }
        return states;
    }

    /// <exception cref="ArgumentException">The states are of other groups or parameters.</exception>
    public virtual void load_state_dict(StateDictionary state_dict)
    {
        var own = Same(state_dict.Options.Count, state_dict.State.Count);
        foreach (var (mine, theirs) in own.Options.Zip(state_dict.Options))
            if (mine != theirs)
                mine.LoadStateDict(theirs);
        foreach (var (mine, theirs) in own.State.Zip(state_dict.State))
            if (mine != theirs)
                mine.LoadStateDict(theirs);
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void save_state_dict(BinaryWriter writer)
    {
        writer.Write(GetType().Name);
        var states = state_dict();
        writer.Encode(states.Options.Count);
        writer.Encode(states.State.Count);
        foreach (var options in states.Options)
            options.SaveStateDict(writer);
        foreach (var state in states.State)
            state.SaveStateDict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    /// <exception cref="InvalidDataException">Another kind of optimizer wrote this.</exception>
    public void load_state_dict(BinaryReader reader)
    {
        var kind = reader.ReadString();
        if (kind != GetType().Name)
            throw new InvalidDataException(
                $"Mismatched optimizer type: expected '{GetType().Name}', but found '{kind}' in the loaded stream.");
        var (groups, states) = (reader.Decode(), reader.Decode());
        var own = Same(groups, states);
        foreach (var options in own.Options)
            options.LoadStateDict(reader);
        foreach (var state in own.State)
            state.LoadStateDict(reader);
    }

    protected Tensor? _step<T>(Action<T> body, Func<Tensor>? loss_closure = null) where T : ParamGroup
    {
        Tensor? loss = null;
        if (loss_closure is not null) {
            using var recorded = enable_grad();
            loss = loss_closure();
        }
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        foreach (var group in _parameter_groups)
            body((T)group);
        return loss;
    }

    /// <summary>Adds a group: what it leaves open is the optimizer's own, and each parameter gets a fresh state.</summary>
    private protected void Add(ParamGroup group, OptimizerOptions open, Func<Parameter, OptimizerState> newState)
    {
        var options = group.Options ??= open;
        options.Fill(_defaults!);
        _parameter_groups.Add(group);
        foreach (var parameter in group.Parameters!)
            (_state[parameter.Handle] = newState(parameter)).Initialize(options);
    }

    /// <summary>A step that changes one parameter after another, those that have gradients.</summary>
    private protected Tensor? StepEach<TGroup, TState>(
        Action<TGroup, Parameter, TState, Tensor> update, Func<Tensor>? closure) where TGroup : ParamGroup where TState : OptimizerState =>
        _step<TGroup>(group => {
            foreach (var parameter in group.Parameters!)
                if (parameter.grad is { } gradient)
                    update(group, parameter, (TState)_state[parameter.Handle], gradient);
        }, closure);

    /// <summary>For the optimizers' own Dispose: TorchSharp declares it on each of them and not here.</summary>
    private protected void DisposeStates()
    {
        foreach (var (_, state) in _state)
            (state as IDisposable)?.Dispose();
    }

    private StateDictionary Same(long groups, long states)
    {
        var own = state_dict();
        return own.Options.Count != groups ? throw new ArgumentException("Invalid optimizer state -- different number of parameter groups.")
            : own.State.Count != states ? throw new ArgumentException("Invalid optimizer state -- different number of states.") : own;
    }
}

/// <summary>What a group may set for itself; null takes the optimizer's own.</summary>
public class OptimizerOptions
{
    public double? LearningRate { get; set; }

    public double InitialLearningRate { get; set; }

    internal virtual void Fill(OptimizerOptions from)
    {
        LearningRate ??= from.LearningRate;
        InitialLearningRate = LearningRate!.Value;
    }

    public virtual void SaveStateDict(BinaryWriter writer)
    {
        writer.Write(InitialLearningRate);
        writer.Write(LearningRate!.Value);
    }

    public virtual void LoadStateDict(BinaryReader reader) =>
        (InitialLearningRate, LearningRate) = (reader.ReadDouble(), reader.ReadDouble());

    public virtual void LoadStateDict(OptimizerOptions source) =>
        (InitialLearningRate, LearningRate) = (source.InitialLearningRate, source.LearningRate);
}

/// <summary>What an optimizer remembers of one parameter.</summary>
public abstract class OptimizerState
{
    protected Parameter _parameter;

    protected OptimizerState(Parameter parameter) => _parameter = parameter;

    public abstract void Initialize(OptimizerOptions options);

    public abstract void SaveStateDict(BinaryWriter writer);

    public abstract void LoadStateDict(BinaryReader reader);

    public abstract void LoadStateDict(OptimizerState source);

    public virtual bool ApproximatelyEquals(OptimizerState other) => false;

    public virtual void to(Device device) { }

    protected static void SaveConditionalStateTensor(BinaryWriter writer, Tensor? tensor)
    {
        writer.Write(tensor is not null);
        tensor?.Save(writer);
    }

    protected static void LoadConditionalStateTensor(BinaryReader reader, ref Tensor? result, Device device)
    {
        if (reader.ReadBoolean()) {
            TensorExtensionMethods.Load(ref result, reader);
            result = Kept(result, device);
        } else {
            result?.Dispose();
            result = null;
        }
    }

    /// <summary>The tensor on a device and out of every scope: the same one where it is there already.</summary>
    private protected static Tensor? Kept(Tensor? tensor, Device device) =>
        (tensor?.ToWillCopy(null, device) == true ? tensor.to(device, disposeAfter: true) : tensor)?.DetachFromDisposeScope();

    /// <summary>A copy beside the parameter and out of every scope.</summary>
    private protected Tensor? Copied(Tensor? tensor) => tensor?.to(_parameter.device, copy: true).DetachFromDisposeScope();
}

/// <summary>Parameters with options of their own.</summary>
public class ParamGroup : ILearningRateController
{
    public IEnumerable<Parameter>? Parameters { get; set; }

    public OptimizerOptions? Options { get; set; }

    public double LearningRate { get => Options!.LearningRate!.Value; set => Options!.LearningRate = value; }

    public double InitialLearningRate { get => Options!.InitialLearningRate; set => Options!.InitialLearningRate = value; }
}

public class ParamGroup<TOptions> : ParamGroup where TOptions : OptimizerOptions
{
    public ParamGroup() { }

    public ParamGroup(IEnumerable<Parameter> parameters, TOptions? options = null) => (Parameters, base.Options) = (parameters, options);

    public new TOptions Options { get => (TOptions)base.Options!; set => base.Options = value; }
}
