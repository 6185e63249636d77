namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>Learning rates by step. The first step is taken on construction, as in PyTorch.</summary>
        public static partial class lr_scheduler
        {
            public abstract class LRScheduler
            {
                protected int _step_count;
                internal readonly Optimizer _optimizer;
                internal readonly bool _verbose;
                internal readonly List<double> _base, _last;
                internal int _epoch;

                protected LRScheduler(Optimizer optimizer, int last_epoch = -1, bool verbose = false)
                {
                    (_optimizer, _epoch, _verbose) = (optimizer, last_epoch, verbose);
                    _base = optimizer.ParamGroups.Select(g => g.InitialLearningRate).ToList();
                    _last = optimizer.ParamGroups.Select(g => g.LearningRate).ToList();
                }

                public virtual void step() => step(null);

                public virtual void step(int? epoch)
                {
                    _step_count++;
                    _epoch = epoch ?? _epoch + 1;
                    var rates = (epoch.HasValue ? get_closed_form_lr() : get_lr()).ToList();
                    foreach (var (group, i) in _optimizer.ParamGroups.Select((g, i) => (g, i))) {
                        if (_verbose && _last[i] != rates[i])
                            Console.WriteLine($"Adjusting learning rate to {rates[i]}");
                        group.LearningRate = _last[i] = rates[i];
                    }
                }

                /// <summary>For the schedulers that watch a figure; the others do not look at it.</summary>
                public virtual void step(double current, int? epoch = null) => step(epoch);

                public IEnumerable<double> get_last_lr() => _last;

                protected virtual IEnumerable<double> get_lr() => Scaled(1);

                protected virtual IEnumerable<double> get_closed_form_lr() => get_lr();

                private protected IEnumerable<double> Scaled(double factor) => _optimizer.ParamGroups.Select(g => g.LearningRate * factor);
            }

            public static partial class impl
            {
                public class LambdaLR : LRScheduler
                {
                    private readonly List<Func<int, double>> _factors;

                    public LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, Enumerable.Repeat(lr_lambda, optimizer.ParamGroups.Count()), last_epoch, verbose) { }

                    public LambdaLR(Optimizer optimizer, IEnumerable<Func<int, double>> lr_lambdas, int last_epoch = -1,
                        bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        _factors = lr_lambdas.ToList();
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => _base.Zip(_factors, (rate, factor) => rate * factor(_epoch));
                }

                public class StepLR : LRScheduler
                {
                    private readonly int _size;
                    private readonly double _gamma;

                    public StepLR(Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        (_size, _gamma) = (step_size, gamma);
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => Scaled(_epoch == 0 || _epoch % _size != 0 ? 1 : _gamma);

                    protected override IEnumerable<double> get_closed_form_lr() =>
                        _base.Select(rate => rate * Math.Pow(_gamma, (double)(_epoch / _size)));
                }

                public class ExponentialLR : LRScheduler
                {
                    private readonly double _gamma;

                    public ExponentialLR(Optimizer optimizer, double gamma = 0.1, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        _gamma = gamma;
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => Scaled(_epoch == 0 ? 1 : _gamma);

                    protected override IEnumerable<double> get_closed_form_lr() => _base.Select(rate => rate * Math.Pow(_gamma, _epoch));
                }

                public class LinearLR : LRScheduler
                {
                    private readonly double _start, _end;
                    private readonly int _steps;

                    public LinearLR(
                        Optimizer optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int total_iters = 5, int last_epoch = -1,
                        bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        (_start, _end, _steps) = (start_factor, end_factor, total_iters);
                        step();
                    }

                    protected override IEnumerable<double> get_lr() => Scaled(
                        _epoch == 0 ? _start : _epoch > _steps ? 1
                        : 1 + (_end - _start) / (_steps * _start + (_epoch - 1) * (_end - _start)));

                    protected override IEnumerable<double> get_closed_form_lr() =>
                        _base.Select(rate => rate * (_start + (_end - _start) * Math.Min(_steps, _epoch) / _steps));
                }

                public class CosineAnnealingLR : LRScheduler
                {
                    private readonly double _period, _least;

                    public CosineAnnealingLR(Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1,
                        bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        (_period, _least) = (T_max, eta_min);
                        step();
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        if (_epoch == 0)
                            return Scaled(1);
                        if ((_epoch - 1 - _period) % (2 * _period) == 0)
                            return Scaled(1).Zip(_base, (now, rate) => now + (rate - _least) * (1 - Math.Cos(Math.PI / _period)) / 2);
                        var factor = (1 + Math.Cos(Math.PI * _epoch / _period)) / (1 + Math.Cos(Math.PI * (_epoch - 1) / _period));
                        return Scaled(1).Select(now => factor * (now - _least) + _least);
                    }

                    protected override IEnumerable<double> get_closed_form_lr() =>
                        _base.Select(rate => _least + (rate - _least) * (1 + Math.Cos(Math.PI * _epoch / _period)) / 2);
                }
            }

            public static LRScheduler LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1,
                bool verbose = false) =>
                new impl.LambdaLR(optimizer, lr_lambda, last_epoch, verbose);

            public static LRScheduler StepLR(
                Optimizer optimizer, int step_size, double gamma = 0.1, int last_epoch = -1, bool verbose = false) =>
                new impl.StepLR(optimizer, step_size, gamma, last_epoch, verbose);

            public static LRScheduler ExponentialLR(Optimizer optimizer, double gamma = 0.1, int last_epoch = -1, bool verbose = false) =>
                new impl.ExponentialLR(optimizer, gamma, last_epoch, verbose);

            public static LRScheduler LinearLR(
                Optimizer optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int total_iters = 5, int last_epoch = -1,
                bool verbose = false) => new impl.LinearLR(optimizer, start_factor, end_factor, total_iters, last_epoch, verbose);

            public static LRScheduler CosineAnnealingLR(
                Optimizer optimizer, double T_max, double eta_min = 0, int last_epoch = -1, bool verbose = false) =>
                new impl.CosineAnnealingLR(optimizer, T_max, eta_min, last_epoch, verbose);
        }
    }
}
