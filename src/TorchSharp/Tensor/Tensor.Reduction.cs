using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => s_sum.Call(this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1], keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) =>
            sum([dim0, dim1, dim2], keepdim, type);
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
            s_sum_dim_IntList.Call(this, dim, keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => s_sum_dim_IntList.Call(this, dim, keepdim, type);
        public Tensor mean() => s_mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
            s_mean_dim.Call(this, dimensions, keepdim, type);
        public Tensor nanmean(int? dim = null, bool keepdim = false, ScalarType? dtype = null) =>
            s_nanmean.Call(this, (ReadOnlySpan<long>)[dim ?? -1], keepdim, dtype);
        public Tensor nansum() => s_nansum.Call(this);
        public Tensor prod(ScalarType? type = null) => s_prod.Call(this, type);
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) => s_prod_dim_int.Call(this, dim, keepdim, type);
        public Tensor var(bool unbiased = true) => s_var.Call(this, unbiased);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var([dim], unbiased, keepdim, type);
        public Tensor var((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var([dim.Item1, dim.Item2], unbiased, keepdim, type);
        public Tensor var((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var([dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_var_dim.Call(this, dimensions, unbiased, keepdim);
        public Tensor var(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_var_dim.Call(this, dimensions, unbiased, keepdim);
        public Tensor std(bool unbiased = true) => s_std.Call(this, unbiased);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std([dim], unbiased, keepdim, type);
        public Tensor std((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std([dim.Item1, dim.Item2], unbiased, keepdim, type);
        public Tensor std((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std([dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_std_dim.Call(this, dimensions, unbiased, keepdim);
        public Tensor std(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_std_dim.Call(this, dimensions, unbiased, keepdim);
        public (Tensor, Tensor) std_mean(bool unbiased = true) => s_std_mean.CallPair(this, unbiased);
        public (Tensor, Tensor) std_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std_mean([dim], unbiased, keepdim, type);
        public (Tensor, Tensor) std_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_std_mean_dim.CallPair(this, dimensions, unbiased, keepdim);
        public (Tensor, Tensor) var_mean(bool unbiased = true) => s_var_mean.CallPair(this, unbiased);
        public (Tensor, Tensor) var_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var_mean([dim], unbiased, keepdim, type);
        public (Tensor, Tensor) var_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            s_var_mean_dim.CallPair(this, dimensions, unbiased, keepdim);
        public Tensor max() => s_max.Call(this);
        public (Tensor, Tensor) max(long dim, bool keepdim = false) => s_max_dim.CallPair(this, dim, keepdim);
        public Tensor min() => s_min.Call(this);
        public (Tensor, Tensor) min(long dim, bool keepdim = false) => s_min_dim.CallPair(this, dim, keepdim);
        public Tensor amax(params long[] dims) => s_amax.Call(this, dims);
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) => s_amax.Call(this, dims, keepdim);
        public Tensor amin(params long[] dims) => s_amin.Call(this, dims);
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) => s_amin.Call(this, dims, keepdim);
        public (Tensor, Tensor) aminmax(long? dim = null, bool keepdim = false) => s_aminmax.CallPair(this, dim, keepdim);
        public Tensor argmax() => s_argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => s_argmax.Call(this, dim, keepdim);
        public Tensor argmin() => s_argmin.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => s_argmin.Call(this, dim, keepdim);
        public Tensor all() => s_all.Call(this);
        public Tensor all(long dim, bool keepdim = false) => s_all_dim.Call(this, dim, keepdim);
        public Tensor any() => s_any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => s_any_dim.Call(this, dim, keepdim);
        public Tensor median() => s_median.Call(this);
        public Tensor logsumexp(long dim, bool keepdim = false) => s_logsumexp.Call(this, (ReadOnlySpan<long>)[dim], keepdim);
        public Tensor norm(float p = 2) => s_norm_Scalar.Call(this, p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2) =>
            s_norm_ScalarOpt_dim.Call(this, p, (ReadOnlySpan<long>)[dim], keepdim);
        public Tensor cumsum(long dim, ScalarType? type = null) => s_cumsum.Call(this, dim, type);
        public Tensor cumprod(long dim, ScalarType? type = null) => s_cumprod.Call(this, dim, type);
        public (Tensor, Tensor) cummax(long dim) => s_cummax.CallPair(this, dim);
        public (Tensor, Tensor) cummin(long dim) => s_cummin.CallPair(this, dim);
        public Tensor logcumsumexp(long dim) => s_logcumsumexp.Call(this, dim);
        public Tensor softmax(long dim, ScalarType? dtype = null) => s_softmax_int.Call(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => s_log_softmax_int.Call(this, dim, dtype);
        public Tensor count_nonzero(long[]? dims = null) => s_count_nonzero_dim_IntList.Call(this, dims ?? []);
        public Tensor bincount(Tensor? weights, long minlength = 0) => s_bincount.Call(this, weights, minlength);
        public Tensor histc(long bins = 100, long min = 0, long max = 0) => s_histc.Call(this, bins, min, max);
        public (Tensor, Tensor) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            s_topk.CallPair(this, k, dim, largest, sorted);
        public (Tensor, Tensor) sort(long dim = -1, bool descending = false, bool stable = false) =>
            s_sort_stable.CallPair(this, stable, dim, descending);
        public Tensor argsort(long dim = -1, bool descending = false) => s_argsort.Call(this, dim, descending);
        public Tensor msort() => s_msort.Call(this);
        public (Tensor, Tensor) kthvalue(long k, long? dim, bool keepdim = false) => s_kthvalue.CallPair(this, k, dim ?? -1, keepdim);
        public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) => s_quantile.Call(this, q, dim, keepdim);
        public Tensor diff(long n = 1, long dim = -1, Tensor? prepend = null, Tensor? append = null) =>
            s_diff.Call(this, n, dim, prepend, append);

        private static readonly Op s_sum = new("sum");
        private static readonly Op s_sum_dim_IntList = new("sum", "dim_IntList");
        private static readonly Op s_mean = new("mean");
        private static readonly Op s_mean_dim = new("mean", "dim");
        private static readonly Op s_nanmean = new("nanmean");
        private static readonly Op s_nansum = new("nansum");
        private static readonly Op s_prod = new("prod");
        private static readonly Op s_prod_dim_int = new("prod", "dim_int");
        private static readonly Op s_var = new("var");
        private static readonly Op s_var_dim = new("var", "dim");
        private static readonly Op s_std = new("std");
        private static readonly Op s_std_dim = new("std", "dim");
        private static readonly Op s_std_mean = new("std_mean");
        private static readonly Op s_std_mean_dim = new("std_mean", "dim");
        private static readonly Op s_var_mean = new("var_mean");
        private static readonly Op s_var_mean_dim = new("var_mean", "dim");
        private static readonly Op s_max = new("max");
        private static readonly Op s_max_dim = new("max", "dim");
        private static readonly Op s_min = new("min");
        private static readonly Op s_min_dim = new("min", "dim");
        private static readonly Op s_amax = new("amax");
        private static readonly Op s_amin = new("amin");
        private static readonly Op s_aminmax = new("aminmax");
        private static readonly Op s_argmax = new("argmax");
        private static readonly Op s_argmin = new("argmin");
        private static readonly Op s_all = new("all");
        private static readonly Op s_all_dim = new("all", "dim");
        private static readonly Op s_any = new("any");
        private static readonly Op s_any_dim = new("any", "dim");
        private static readonly Op s_median = new("median");
        private static readonly Op s_logsumexp = new("logsumexp");
        private static readonly Op s_norm_Scalar = new("norm", "Scalar");
        private static readonly Op s_norm_ScalarOpt_dim = new("norm", "ScalarOpt_dim");
        private static readonly Op s_cumsum = new("cumsum");
        private static readonly Op s_cumprod = new("cumprod");
        private static readonly Op s_cummax = new("cummax");
        private static readonly Op s_cummin = new("cummin");
        private static readonly Op s_logcumsumexp = new("logcumsumexp");
        private static readonly Op s_softmax_int = new("softmax", "int");
        private static readonly Op s_log_softmax_int = new("log_softmax", "int");
        private static readonly Op s_count_nonzero_dim_IntList = new("count_nonzero", "dim_IntList");
        private static readonly Op s_bincount = new("bincount");
        private static readonly Op s_histc = new("histc");
        private static readonly Op s_topk = new("topk");
        private static readonly Op s_sort_stable = new("sort", "stable");
        private static readonly Op s_argsort = new("argsort");
        private static readonly Op s_msort = new("msort");
        private static readonly Op s_kthvalue = new("kthvalue");
        private static readonly Op s_quantile = new("quantile");
        private static readonly Op s_diff = new("diff");
    }
}
