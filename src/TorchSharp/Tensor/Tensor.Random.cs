using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor bernoulli(Generator? generator = null) => s_bernoulli.Call(this, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => s_bernoulli__float.InPlace(this, p, generator);
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => s_bernoulli__Tensor.InPlace(this, p, generator);
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            s_multinomial.Call(this, num_samples, replacement, generator);
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) =>
            s_normal_.InPlace(this, mean, std, generator);
        public Tensor uniform_(double from, double to, Generator? generator = null) => s_uniform_.InPlace(this, from, to, generator);
        public Tensor exponential_(double lambda = 1, Generator? generator = null) => s_exponential_.InPlace(this, lambda, generator);
        public Tensor log_normal_(double mean = 0, double std = 1, Generator? generator = null) =>
            s_log_normal_.InPlace(this, mean, std, generator);
        public Tensor cauchy_(double median = 0, double sigma = 1, Generator? generator = null) =>
            s_cauchy_.InPlace(this, median, sigma, generator);
        public Tensor geometric_(double p, Generator? generator = null) => s_geometric_.InPlace(this, p, generator);
        public Tensor random_(double from, double to, Generator? generator = null) =>
            s_random__from.InPlace(this, (long)from, (long)to, generator);
        public Tensor poisson(Generator? generator = null) => s_poisson.Call(this, generator);
        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Like(s_rand_like, dtype, device, requires_grad);
        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Like(s_randn_like, dtype, device, requires_grad);
        public Tensor randint_like(long low, long high, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            s_randint_like_low_dtype.Call(this, low, high, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Like(s_zeros_like, dtype, device, requires_grad);
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Like(s_ones_like, dtype, device, requires_grad);
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Like(s_empty_like, dtype, device, requires_grad);
        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            s_full_like.Call(this, value, dtype, Arg.None, device).with_requires_grad(requires_grad);
        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.zeros(size, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.empty(size, dtype ?? this.dtype, device ?? this.device, requires_grad);
        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.full(size, value, dtype ?? this.dtype, device ?? this.device, requires_grad);

        private static readonly Op s_bernoulli = new("bernoulli");
        private static readonly Op s_bernoulli__float = new("bernoulli_", "float");
        private static readonly Op s_bernoulli__Tensor = new("bernoulli_", "Tensor");
        private static readonly Op s_multinomial = new("multinomial");
        private static readonly Op s_normal_ = new("normal_");
        private static readonly Op s_uniform_ = new("uniform_");
        private static readonly Op s_exponential_ = new("exponential_");
        private static readonly Op s_log_normal_ = new("log_normal_");
        private static readonly Op s_cauchy_ = new("cauchy_");
        private static readonly Op s_geometric_ = new("geometric_");
        private static readonly Op s_random__from = new("random_", "from");
        private static readonly Op s_poisson = new("poisson");
        private static readonly Op s_rand_like = new("rand_like");
        private static readonly Op s_randn_like = new("randn_like");
        private static readonly Op s_randint_like_low_dtype = new("randint_like", "low_dtype");
        private static readonly Op s_zeros_like = new("zeros_like");
        private static readonly Op s_ones_like = new("ones_like");
        private static readonly Op s_empty_like = new("empty_like");
        private static readonly Op s_full_like = new("full_like");
    }
}
