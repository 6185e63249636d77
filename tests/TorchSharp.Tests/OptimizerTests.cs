using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Against the published formulas, step by step.</summary>
public sealed class OptimizerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Parameter _p = nn.Parameter(tensor(new double[] { 1, -2 }));

    public void Dispose() => _scope.Dispose();

    private void Gradient(params double[] values) => _p.grad = tensor(values);

    private double[] Values => _p.data<double>().ToArray();

    [Fact]
    public void AdamW_decays_then_steps()
    {
        using var optimizer = optim.AdamW([_p], lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.5);
        var (value, m, v) = (1.0, 0.0, 0.0);
        foreach (var (g, t) in new[] { (0.5, 1), (-0.25, 2), (2.0, 3) }) {
            Gradient(g, 0);
            optimizer.step();
            (m, v) = (0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g);
            value -= 0.1 * 0.5 * value;
            value -= 0.1 * (m / (1 - Math.Pow(0.9, t))) / (Math.Sqrt(v / (1 - Math.Pow(0.99, t))) + 1e-8);
            Assert.Equal(value, Values[0], 12);
        }
        Assert.Equal(-2 * Math.Pow(0.95, 3), Values[1], 12);
        Assert.Equal((0.9, 0.99), optimizer.Betas);
    }

    [Fact]
    public void Sgd_gathers_momentum()
    {
        using var optimizer = optim.SGD([_p], 0.1, momentum: 0.9, weight_decay: 0.01);
        var (value, buffer) = (1.0, 0.0);
        for (var t = 0; t < 3; t++) {
            Gradient(0.5, 0);
            optimizer.step();
            var g = 0.5 + 0.01 * value;
            buffer = t == 0 ? g : 0.9 * buffer + g;
            value -= 0.1 * buffer;
            Assert.Equal(value, Values[0], 12);
        }
    }

    [Fact]
    public void A_saved_optimizer_goes_on_where_it_stopped()
    {
        using var first = optim.AdamW([_p], lr: 0.1, amsgrad: true);
        Gradient(1, 2);
        first.step();
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        first.save_state_dict(writer);
        writer.Flush();
        stream.Position = 0;
        var copy = nn.Parameter(_p.detach().clone());
        using var second = optim.AdamW([copy], lr: 0.5, amsgrad: true);
        second.load_state_dict(new BinaryReader(stream));
        copy.grad = tensor(new double[] { -1, 3 });
        Gradient(-1, 3);
        first.step();
        second.step();
        Assert.Equal(Values, copy.data<double>().ToArray());
        using var other = optim.SGD([copy], 0.1);
        stream.Position = 0;
        Assert.Throws<InvalidDataException>(() => other.load_state_dict(new BinaryReader(stream)));
    }

    [Fact]
    public void Groups_keep_their_own_options()
    {
        var q = nn.Parameter(tensor(1.0));
        using var optimizer = optim.AdamW(
            [new AdamW.ParamGroup([_p], new AdamW.Options { weight_decay = 0.5 }), new AdamW.ParamGroup([q],
                new AdamW.Options { LearningRate = 0.2 })],
            lr: 0.1);
        Assert.Equal([0.1, 0.2], optimizer.ParamGroups.Select(g => g.LearningRate));
        Gradient(0, 0);
        optimizer.step();
        Assert.Equal(0.95, Values[0], 12);
        Assert.Equal(1.0, q.item<double>());
        optimizer.zero_grad();
        Assert.Equal(2, optimizer.parameters().Count());
    }

    [Fact]
    public void A_step_leaves_no_tensors_behind()
    {
        using var optimizer = optim.AdamW([_p]);
        Gradient(1, 1);
        optimizer.step();
        var before = _scope.DisposablesCount;
        optimizer.step();
        Assert.Equal(before, _scope.DisposablesCount);
    }

    [Fact]
    public void Schedules_set_the_rate()
    {
        using var optimizer = optim.SGD([_p], 1.0);
        var schedule = optim.lr_scheduler.LambdaLR(optimizer, step => 1.0 / (1 + step));
        double Rate() => optimizer.ParamGroups.First().LearningRate;
        Assert.Equal(1.0, Rate());
        schedule.step();
        schedule.step();
        Assert.Equal(1 / 3.0, Rate(), 12);
        Assert.Equal(1 / 3.0, schedule.get_last_lr().Single(), 12);
    }

    [Theory]
    [InlineData("cosine", 0.5)]
    [InlineData("linear", 0.75)]
    [InlineData("step", 0.1)]
    [InlineData("exponential", 0.6561)]
    public void After_four_of_eight_steps(string kind, double expected)
    {
        using var optimizer = optim.SGD([_p], 1.0);
        var schedule = kind switch {
            "cosine" => optim.lr_scheduler.CosineAnnealingLR(optimizer, 8),
            "linear" => optim.lr_scheduler.LinearLR(optimizer, 0.5, 1.0, 8),
            "step" => optim.lr_scheduler.StepLR(optimizer, 3),
            _ => optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        };
        for (var i = 0; i < 4; i++)
            schedule.step();
        Assert.Equal(expected, optimizer.ParamGroups.First().LearningRate, 10);
    }

    [Fact]
    public void Clipping_scales_all_gradients_by_their_joint_norm()
    {
        var q = nn.Parameter(tensor(new double[] { 0 }));
        q.grad = tensor(new double[] { 12 });
        Gradient(3, 4);
        Assert.Equal(13.0, nn.utils.clip_grad_norm_([_p, q], 6.5), 6);
        Assert.Equal([1.5, 2], _p.grad!.data<double>().ToArray().Select(g => Math.Round(g, 4)));
        Assert.Equal(6.0, q.grad!.item<double>(), 4);
        nn.utils.clip_grad_norm_([_p, q], 100);
        Assert.Equal(6.0, q.grad!.item<double>(), 4);
    }

    [Fact]
    public void Parameters_become_one_vector_and_back()
    {
        var q = nn.Parameter(tensor(new double[,] { { 5, 6 } }));
        using var vector = nn.utils.parameters_to_vector([_p, q]);
        Assert.Equal([1.0, -2, 5, 6], vector.data<double>().ToArray());
        nn.utils.vector_to_parameters(vector * 2, [_p, q]);
        Assert.Equal([10.0, 12], q.data<double>().ToArray());
    }
}
