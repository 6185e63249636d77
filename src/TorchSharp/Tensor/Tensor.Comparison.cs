using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor eq(Tensor target) => s_eq_Tensor.Call(this, target);
        public Tensor eq(Scalar target) => s_eq_Scalar.Call(this, target);
        public Tensor eq_(Tensor target) => s_eq__Tensor.InPlace(this, target);
        public Tensor eq_(Scalar target) => s_eq__Scalar.InPlace(this, target);
        public Tensor ne(Tensor target) => s_ne_Tensor.Call(this, target);
        public Tensor ne(Scalar target) => s_ne_Scalar.Call(this, target);
        public Tensor ne_(Tensor target) => s_ne__Tensor.InPlace(this, target);
        public Tensor ne_(Scalar target) => s_ne__Scalar.InPlace(this, target);
        public Tensor lt(Tensor target) => s_lt_Tensor.Call(this, target);
        public Tensor lt(Scalar target) => s_lt_Scalar.Call(this, target);
        public Tensor lt_(Tensor target) => s_lt__Tensor.InPlace(this, target);
        public Tensor lt_(Scalar target) => s_lt__Scalar.InPlace(this, target);
        public Tensor le(Tensor target) => s_le_Tensor.Call(this, target);
        public Tensor le(Scalar target) => s_le_Scalar.Call(this, target);
        public Tensor le_(Tensor target) => s_le__Tensor.InPlace(this, target);
        public Tensor le_(Scalar target) => s_le__Scalar.InPlace(this, target);
        public Tensor gt(Tensor target) => s_gt_Tensor.Call(this, target);
        public Tensor gt(Scalar target) => s_gt_Scalar.Call(this, target);
        public Tensor gt_(Tensor target) => s_gt__Tensor.InPlace(this, target);
        public Tensor gt_(Scalar target) => s_gt__Scalar.InPlace(this, target);
        public Tensor ge(Tensor target) => s_ge_Tensor.Call(this, target);
        public Tensor ge(Scalar target) => s_ge_Scalar.Call(this, target);
        public Tensor ge_(Tensor target) => s_ge__Tensor.InPlace(this, target);
        public Tensor ge_(Scalar target) => s_ge__Scalar.InPlace(this, target);
        public Tensor equal(Tensor target) => eq(target);
        public Tensor not_equal(Tensor target) => ne(target);
        public Tensor less(Tensor target) => lt(target);
        public Tensor less_equal(Tensor target) => le(target);
        public Tensor greater(Tensor target) => gt(target);
        public Tensor greater_equal(Tensor target) => ge(target);
        public bool allclose(Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false) =>
            s_allclose.CallValue(this, target, rtol, atol, equal_nan).Bits != 0;
        public Tensor isclose(Tensor other, double rtol = 1E-05, double atol = 1E-08, bool nanEqual = false) =>
            s_isclose.Call(this, other, rtol, atol, nanEqual);
        public Tensor isnan() => s_isnan.Call(this);
        public Tensor isinf() => s_isinf.Call(this);
        public Tensor isfinite() => s_isfinite.Call(this);
        public Tensor isposinf() => s_isposinf.Call(this);
        public Tensor isneginf() => s_isneginf.Call(this);
        public Tensor isreal() => s_isreal.Call(this);
        public Tensor isin(Tensor test_elements, bool assumeUnique = false, bool invert = false) =>
            s_isin_Tensor_Tensor.Call(this, test_elements, assumeUnique, invert);
        public Tensor logical_not() => s_logical_not.Call(this);
        public Tensor logical_not_() => s_logical_not_.InPlace(this);
        public Tensor bitwise_not() => s_bitwise_not.Call(this);
        public Tensor bitwise_not_() => s_bitwise_not_.InPlace(this);
        public Tensor logical_and(Tensor other) => s_logical_and.Call(this, other);
        public Tensor logical_and_(Tensor other) => s_logical_and_.InPlace(this, other);
        public Tensor logical_or(Tensor other) => s_logical_or.Call(this, other);
        public Tensor logical_or_(Tensor other) => s_logical_or_.InPlace(this, other);
        public Tensor logical_xor(Tensor other) => s_logical_xor.Call(this, other);
        public Tensor logical_xor_(Tensor other) => s_logical_xor_.InPlace(this, other);
        public Tensor bitwise_and(Tensor other) => s_bitwise_and_Tensor.Call(this, other);
        public Tensor bitwise_and_(Tensor other) => s_bitwise_and__Tensor.InPlace(this, other);
        public Tensor bitwise_or(Tensor other) => s_bitwise_or_Tensor.Call(this, other);
        public Tensor bitwise_or_(Tensor other) => s_bitwise_or__Tensor.InPlace(this, other);
        public Tensor bitwise_xor(Tensor other) => s_bitwise_xor_Tensor.Call(this, other);
        public Tensor bitwise_xor_(Tensor other) => s_bitwise_xor__Tensor.InPlace(this, other);
        public Tensor bitwise_left_shift(Tensor other) => s_bitwise_left_shift_Tensor.Call(this, other);
        public Tensor bitwise_right_shift(Tensor other) => s_bitwise_right_shift_Tensor.Call(this, other);

        private static readonly Op s_eq_Tensor = new("eq", "Tensor");
        private static readonly Op s_eq_Scalar = new("eq", "Scalar");
        private static readonly Op s_eq__Tensor = new("eq_", "Tensor");
        private static readonly Op s_eq__Scalar = new("eq_", "Scalar");
        private static readonly Op s_ne_Tensor = new("ne", "Tensor");
        private static readonly Op s_ne_Scalar = new("ne", "Scalar");
        private static readonly Op s_ne__Tensor = new("ne_", "Tensor");
        private static readonly Op s_ne__Scalar = new("ne_", "Scalar");
        private static readonly Op s_lt_Tensor = new("lt", "Tensor");
        private static readonly Op s_lt_Scalar = new("lt", "Scalar");
        private static readonly Op s_lt__Tensor = new("lt_", "Tensor");
        private static readonly Op s_lt__Scalar = new("lt_", "Scalar");
        private static readonly Op s_le_Tensor = new("le", "Tensor");
        private static readonly Op s_le_Scalar = new("le", "Scalar");
        private static readonly Op s_le__Tensor = new("le_", "Tensor");
        private static readonly Op s_le__Scalar = new("le_", "Scalar");
        private static readonly Op s_gt_Tensor = new("gt", "Tensor");
        private static readonly Op s_gt_Scalar = new("gt", "Scalar");
        private static readonly Op s_gt__Tensor = new("gt_", "Tensor");
        private static readonly Op s_gt__Scalar = new("gt_", "Scalar");
        private static readonly Op s_ge_Tensor = new("ge", "Tensor");
        private static readonly Op s_ge_Scalar = new("ge", "Scalar");
        private static readonly Op s_ge__Tensor = new("ge_", "Tensor");
        private static readonly Op s_ge__Scalar = new("ge_", "Scalar");
        private static readonly Op s_allclose = new("allclose");
        private static readonly Op s_isclose = new("isclose");
        private static readonly Op s_isnan = new("isnan");
        private static readonly Op s_isinf = new("isinf");
        private static readonly Op s_isfinite = new("isfinite");
        private static readonly Op s_isposinf = new("isposinf");
        private static readonly Op s_isneginf = new("isneginf");
        private static readonly Op s_isreal = new("isreal");
        private static readonly Op s_isin_Tensor_Tensor = new("isin", "Tensor_Tensor");
        private static readonly Op s_logical_not = new("logical_not");
        private static readonly Op s_logical_not_ = new("logical_not_");
        private static readonly Op s_bitwise_not = new("bitwise_not");
        private static readonly Op s_bitwise_not_ = new("bitwise_not_");
        private static readonly Op s_logical_and = new("logical_and");
        private static readonly Op s_logical_and_ = new("logical_and_");
        private static readonly Op s_logical_or = new("logical_or");
        private static readonly Op s_logical_or_ = new("logical_or_");
        private static readonly Op s_logical_xor = new("logical_xor");
        private static readonly Op s_logical_xor_ = new("logical_xor_");
        private static readonly Op s_bitwise_and_Tensor = new("bitwise_and", "Tensor");
        private static readonly Op s_bitwise_and__Tensor = new("bitwise_and_", "Tensor");
        private static readonly Op s_bitwise_or_Tensor = new("bitwise_or", "Tensor");
        private static readonly Op s_bitwise_or__Tensor = new("bitwise_or_", "Tensor");
        private static readonly Op s_bitwise_xor_Tensor = new("bitwise_xor", "Tensor");
        private static readonly Op s_bitwise_xor__Tensor = new("bitwise_xor_", "Tensor");
        private static readonly Op s_bitwise_left_shift_Tensor = new("bitwise_left_shift", "Tensor");
        private static readonly Op s_bitwise_right_shift_Tensor = new("bitwise_right_shift", "Tensor");
    }
}
