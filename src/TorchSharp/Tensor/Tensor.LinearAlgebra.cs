using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor matmul(Tensor target) => s_matmul.Call(this, target);
        public Tensor mm(Tensor target) => s_mm.Call(this, target);
        public Tensor bmm(Tensor batch2) => s_bmm.Call(this, batch2);
        public Tensor mv(Tensor target) => s_mv.Call(this, target);
        public Tensor dot(Tensor target) => s_dot.Call(this, target);
        public Tensor vdot(Tensor target) => s_vdot.Call(this, target);
        public Tensor inner(Tensor vec2) => s_inner.Call(this, vec2);
        public Tensor outer(Tensor vec2) => s_outer.Call(this, vec2);
        public Tensor ger(Tensor vec2) => outer(vec2);
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => s_addmm.Call(this, mat1, mat2, beta, alpha);
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => s_addmm_.InPlace(this, mat1, mat2, beta, alpha);
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => s_addmv.Call(this, mat, vec, beta, alpha);
        public Tensor addr(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) => s_addr.Call(this, vec1, vec2, beta, alpha);
        public Tensor addbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            s_addbmm.Call(this, batch1, batch2, beta, alpha);
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            s_baddbmm.Call(this, batch1, batch2, beta, alpha);
        public Tensor kron(Tensor other) => s_kron.Call(this, other);
        public Tensor trace() => s_trace.Call(this);
        public Tensor det() => s_det.Call(this);
        public Tensor logdet() => s_logdet.Call(this);
        public Tensor inverse() => s_inverse.Call(this);
        public Tensor pinverse(double rcond = 1E-15, bool hermitian = false) => s_pinverse.Call(this, rcond);
        public Tensor matrix_exp() => s_matrix_exp.Call(this);
        public Tensor matrix_power(int n) => s_matrix_power.Call(this, n);
        public Tensor tensordot(Tensor b, long[] dims1, long[] dims2) => s_tensordot.Call(this, b, dims1, dims2);
        public Tensor dist(Tensor other, float p = 2) => s_dist.Call(this, other, p);
        public Tensor renorm(float p, long dim, float maxnorm) => s_renorm.Call(this, p, dim, maxnorm);

        private static readonly Op s_matmul = new("matmul");
        private static readonly Op s_mm = new("mm");
        private static readonly Op s_bmm = new("bmm");
        private static readonly Op s_mv = new("mv");
        private static readonly Op s_dot = new("dot");
        private static readonly Op s_vdot = new("vdot");
        private static readonly Op s_inner = new("inner");
        private static readonly Op s_outer = new("outer");
        private static readonly Op s_addmm = new("addmm");
        private static readonly Op s_addmm_ = new("addmm_");
        private static readonly Op s_addmv = new("addmv");
        private static readonly Op s_addr = new("addr");
        private static readonly Op s_addbmm = new("addbmm");
        private static readonly Op s_baddbmm = new("baddbmm");
        private static readonly Op s_kron = new("kron");
        private static readonly Op s_trace = new("trace");
        private static readonly Op s_det = new("det");
        private static readonly Op s_logdet = new("logdet");
        private static readonly Op s_inverse = new("inverse");
        private static readonly Op s_pinverse = new("pinverse");
        private static readonly Op s_matrix_exp = new("matrix_exp");
        private static readonly Op s_matrix_power = new("matrix_power");
        private static readonly Op s_tensordot = new("tensordot");
        private static readonly Op s_dist = new("dist");
        private static readonly Op s_renorm = new("renorm");
    }
}
