using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Tests;

public sealed class ModuleTests
{
    private sealed class Inner : Module<Tensor, Tensor>
    {
        [ComponentName(Name = "proj")] private readonly Linear _projection = Linear(3, 2);
        private readonly Tensor _scale = ones(1);

        public Inner() : base("Inner") => RegisterComponents();

        public override Tensor forward(Tensor input) => _projection.call(input) * _scale;
    }

    private sealed class Outer : Module<Tensor, Tensor, Tensor>
    {
        public readonly ModuleList<Inner> layers = ModuleList(new Inner(), new Inner());
        public readonly Parameter gain = Parameter(full(1, 2.0));
        private readonly Tensor _table = arange(3);

        public Outer() : base("Outer")
        {
            RegisterComponents();
            register_buffer("hidden", zeros(1), persistent: false);
        }

        public override Tensor forward(Tensor input1, Tensor input2) => layers[0].call(input1) + layers[1].call(input2) * gain + _table[0];
    }

    [Fact]
    public void Fields_are_registered_under_their_names_in_order()
    {
        using var outer = new Outer();
        Assert.Equal(
            ["gain", "layers.0.proj.weight", "layers.0.proj.bias", "layers.1.proj.weight", "layers.1.proj.bias"],
            outer.named_parameters().Select(p => p.name));
        Assert.Equal(["_table", "layers.0._scale", "layers.1._scale"], outer.named_buffers().Select(b => b.name));
        Assert.Equal(["layers", "layers.0", "layers.1", "layers.0.proj", "layers.1.proj"], outer.named_modules().Select(m => m.name));
        Assert.Equal(["layers"], outer.named_children().Select(m => m.name));
        Assert.True(outer.has_parameter("layers.1.proj.bias") && outer.has_buffer("_table") && !outer.has_parameter("layers.2"));
        Assert.Equal([2L, 3], outer.get_parameter("layers.0.proj.weight")!.shape);
    }

    [Fact]
    public void A_state_holds_parameters_and_persistent_buffers_and_loads_back()
    {
        using var a = new Outer();
        using var b = new Outer();
        var state = a.state_dict();
        Assert.Equal(8, state.Count);
        Assert.DoesNotContain("hidden", state.Keys);
        var (missing, unexpected) = b.load_state_dict(state);
        Assert.Empty(missing.Concat(unexpected));
        Assert.All(state, entry => Assert.True(entry.Value.Equals(b.state_dict()[entry.Key])));
        state.Remove("gain");
        state["other"] = ones(1);
        Assert.Throws<InvalidOperationException>(() => b.load_state_dict(state));
        (missing, unexpected) = b.load_state_dict(state, strict: false);
        Assert.Equal(["gain"], missing);
        Assert.Equal(["other"], unexpected);
        b.load_state_dict(state, skip: ["gain", "other"]);
    }

    [Fact]
    public void A_saved_module_loads_into_another()
    {
        using var a = new Outer();
        using var b = new Outer();
        var path = Path.GetTempFileName();
        try {
            a.save(path);
            var loaded = new Dictionary<string, bool>();
            b.load(path, loadedParameters: loaded);
            Assert.Equal(8, loaded.Count);
            Assert.True(a.get_parameter("layers.1.proj.weight")!.Equals(b.get_parameter("layers.1.proj.weight")!));
            using var wrong = Linear(3, 2);
            Assert.Throws<ArgumentException>(() => wrong.load(path));
        } finally {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_file_format_is_TorchSharps_byte_for_byte()
    {
        using var module = Linear(2, 1);
        module.load_state_dict(new() { ["weight"] = tensor(new float[,] { { 1, 2 } }), ["bias"] = tensor(new float[] { 3 }) });
        using var stream = new MemoryStream();
        module.save(new BinaryWriter(stream));
        Assert.Equal(
            "0206776569676874060201020000803F0000004004626961730601010000" + "4040", Convert.ToHexString(stream.ToArray()));
    }

    [Fact]
    public void Moving_converts_what_has_fractions_and_keeps_gradients()
    {
        using var outer = new Outer();
        outer.call(ones(3), ones(3)).sum().backward();
        var before = outer.gain.grad!.item<float>();
        outer.to(ScalarType.Float64);
        Assert.All(outer.parameters(), p => Assert.Equal(ScalarType.Float64, p.dtype));
        Assert.Equal(ScalarType.Int64, outer.get_buffer("_table")!.dtype);
        Assert.Equal(ScalarType.Float64, outer.gain.dtype);
        Assert.Equal(before, outer.gain.grad!.item<double>(), 5);
        Assert.True(outer.gain.requires_grad && outer.gain.is_leaf);
        Assert.Same(outer, outer.to(ScalarType.Float64));
        Assert.Throws<ArgumentException>(() => outer.to(ScalarType.Int64));
    }

    [Fact]
    public void Training_mode_reaches_every_child()
    {
        using var net = Sequential(("a", Linear(2, 2)), ("drop", Dropout(1.0)));
        net.eval();
        Assert.False(net.training);
        Assert.NotEqual(0f, net.call(ones(2)).abs().sum().item<float>());
        net.train();
        Assert.All(net.children(), m => Assert.True(m.training));
        Assert.Equal(0f, net.call(ones(2)).abs().sum().item<float>());
    }

    [Fact]
    public void A_sequential_disposes_what_lies_between_its_modules()
    {
        using var net = Sequential(Linear(2, 2), ReLU(), Linear(2, 2), Identity());
        using var scope = NewDisposeScope();
        net.call(ones(2));
        Assert.Equal(2, scope.DisposablesCount);
    }

    [Fact]
    public void Gradients_are_dropped_or_set_to_zero()
    {
        using var linear = Linear(2, 1);
        linear.call(ones(2)).backward();
        linear.zero_grad(set_to_none: false);
        Assert.Equal(0f, linear.weight.grad!.abs().sum().item<float>());
        linear.zero_grad();
        Assert.Null(linear.weight.grad);
    }

    [Fact]
    public void Hooks_run_before_and_after_and_can_be_removed()
    {
        using var linear = Linear(2, 1, hasBias: false);
        var order = new List<string>();
        var before = linear.register_forward_pre_hook((_, x) => {
            order.Add("before");
            return x * 0;
        });
        var after = linear.register_forward_hook((_, _, y) => {
            order.Add("after");
            return y + 1;
        });
        Assert.Equal(1f, linear.call(ones(2)).item<float>());
        before.remove();
        after.remove();
        linear.call(ones(2));
        Assert.Equal(["before", "after"], order);
    }

    [Fact]
    public void Disposing_a_module_disposes_its_parameters()
    {
        var outer = new Outer();
        var parameters = outer.parameters().ToList();
        outer.Dispose();
        Assert.All(parameters, p => Assert.True(p.IsInvalid));
    }

    [Fact]
    public void A_parameter_can_be_replaced_and_shared()
    {
        using var embedding = Embedding(5, 3);
        using var head = Linear(3, 5, hasBias: false);
        head.weight = embedding.weight!;
        Assert.Equal([5L, 3], head.weight.shape);
        using (no_grad())
            head.weight.fill_(3);
        Assert.Equal(3f, embedding.call(tensor(new long[] { 4 })).mean().item<float>());
    }

    [Fact]
    public void Names_that_clash_or_hold_dots_are_refused()
    {
        using var net = Sequential();
        net.add_module("a", Linear(1, 1));
        Assert.Throws<InvalidOperationException>(() => net.add_module("a", Linear(1, 1)));
        Assert.Throws<ArgumentException>(() => net.add_module("a.b", Linear(1, 1)));
        Assert.Throws<ArgumentNullException>(() => net.register_buffer("x", null!));
    }
}
