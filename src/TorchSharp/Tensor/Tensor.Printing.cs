using System.Globalization;
using System.Text;

namespace TorchSharp;

/// <summary>How a tensor is written.</summary>
public enum TensorStringStyle
{
    Metadata, Julia, Numpy, CSharp, Default,
}

public static partial class torch
{
    public const TensorStringStyle julia = TensorStringStyle.Julia;
    public const TensorStringStyle numpy = TensorStringStyle.Numpy;
    public const TensorStringStyle csharp = TensorStringStyle.CSharp;

    private static TensorStringStyle _style = TensorStringStyle.Julia;
    private static string _floatFormat = "g5", _newLine = Environment.NewLine;
    private static int _maxRows = 6, _maxColumns = 6;

    public static TensorStringStyle TensorStringStyle {
        get => _style;
        set => _style = value != TensorStringStyle.Default ? value : throw new ArgumentException("The style cannot be set to 'Default'");
    }

    public static void set_printoptions(
        TensorStringStyle? style = null, string? floatFormat = null, int? linewidth = null, string? newLine = null, int? maxRows = null,
        int? maxColumns = null)
    {
        (_style, _floatFormat, _newLine) = (style ?? _style, floatFormat ?? _floatFormat, newLine ?? _newLine);
        (_maxRows, _maxColumns) = (maxRows ?? _maxRows, maxColumns ?? _maxColumns);
    }

    public static void set_printoptions(
        int precision, int? linewidth = null, string? newLine = null, bool sci_mode = false, int? maxRows = null, int? maxColumns = null) =>
        set_printoptions(null, (sci_mode ? "E" : "F") + precision, linewidth, newLine, maxRows, maxColumns);

    public partial class Tensor
    {
        /// <summary>Shape, type and device.</summary>
        public override string ToString() => ToString(TensorStringStyle.Metadata);

        public string ToString(bool disamb, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null,
            string? newLine = null) =>
            ToString(disamb ? TensorStringStyle.Default : TensorStringStyle.Metadata, fltFormat, width, cultureInfo, newLine);

        /// <summary>Values, the middle of long dimensions left out; Julia and Metadata begin with shape, type and device.</summary>
        public string ToString(
            TensorStringStyle style, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null)
        {
            if (style == TensorStringStyle.Default)
                style = TensorStringStyle;
            if (style == TensorStringStyle.Metadata || is_meta)
                return $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";
            var (open, close) = style == TensorStringStyle.CSharp ? ("{", "}") : ("[", "]");
            var text = new StringBuilder();
            if (style == TensorStringStyle.Julia)
                text.Append(ToString(TensorStringStyle.Metadata)).Append(newLine ?? _newLine);
            using var cpu = detach().to(CPU);
            cpu.Write(text, (open, close, newLine ?? _newLine), value => Format(value, fltFormat ?? _floatFormat, cultureInfo), 0);
            return text.ToString();
        }

        private static string Format(Scalar value, string format, CultureInfo? culture) =>
            value.Type == ScalarType.Float64 ? value.Real.ToString(format, culture ?? CultureInfo.CurrentCulture)
            : value.Type == ScalarType.Bool ? value.ToBoolean().ToString() : value.Integer.ToString(culture ?? CultureInfo.CurrentCulture);

        private void Write(StringBuilder text, (string Open, string Close, string Line) marks, Func<Scalar, string> format, int depth)
        {
            if (Dimensions == 0) {
                text.Append(format(ToScalar()));
                return;
            }
            var (length, most) = (size(0), Dimensions == 1 ? _maxColumns : _maxRows);
            text.Append(marks.Open);
            for (long i = 0; i < length; i++) {
                if (i > 0)
                    text.Append(Dimensions == 1 ? " " : marks.Line + new string(' ', depth + 1));
                if (length > most && i == most / 2) {
                    text.Append("...");
                    i = length - most / 2 - 1;
                    continue;
                }
                using var row = select(0, i);
                row.Write(text, marks, format, depth + 1);
            }
            text.Append(marks.Close);
        }
    }
}
