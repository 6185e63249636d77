namespace TransformerTorch.Checkpoints.PyTorch;

/// <summary>
/// The names that a pickle of weights may use, and what each builds here: an allow-list, as <c>torch.load(weights_only=True)</c> has one.
/// Nothing is looked up in any library and nothing of Python runs.
/// </summary>
internal static class TorchGlobals
{
    private static readonly Dictionary<string, object> s_known = Known().ToDictionary(p => p.Name, p => p.Value);

    /// <summary>What a global stands for; null where weights need none of that name.</summary>
    public static object? Find(string module, string name) => s_known.GetValueOrDefault($"{module}.{name}");

    private static IEnumerable<(string Name, object Value)> Known()
    {
        (string Name, Func<object?[], object?> Call)[] functions =
        [
            ("collections.OrderedDict", Dictionary),
            ("torch.Size", a => a is [PickleTuple size] ? size : throw new FormatException("a size is no tuple")),
            ("torch._utils._rebuild_tensor", a => Tensor(a, typed: null)),
            ("torch._utils._rebuild_tensor_v2", a => Tensor(a, typed: null)),
            ("torch._utils._rebuild_tensor_v3", a => Tensor(a, typed: a.ElementAtOrDefault(6))),
            ("torch._utils._rebuild_parameter", Parameter),
            ("torch._utils._rebuild_parameter_with_state", Parameter),
        ];
        foreach (var (name, call) in functions) yield return (name, new PickleFunction(name, call));

        (string Storage, string Dtypes, string Type)[] types =
        [
            ("Double", "float64 double", "F64"), ("Float", "float32 float", "F32"), ("Half", "float16 half", "F16"),
            ("BFloat16", "bfloat16", "BF16"), ("Long", "int64 long", "I64"), ("Int", "int32 int", "I32"), ("Short", "int16 short", "I16"),
            ("Char", "int8", "I8"), ("Byte", "uint8", "U8"), ("Bool", "bool", "BOOL"), ("ComplexFloat", "complex64 cfloat", "C64"),
            ("", "float8_e4m3fn", "F8_E4M3"), ("", "float8_e5m2", "F8_E5M2"), ("", "float8_e4m3fnuz", "F8_E4M3FNUZ"),
            ("", "float8_e5m2fnuz", "F8_E5M2FNUZ"), ("", "float8_e8m0fnu", "F8_E8M0"),
            ("", "uint16", "U16"), ("", "uint32", "U32"), ("", "uint64", "U64"),
        ];
        foreach (var (storage, dtypes, spelled) in types)
        {
            var type = ElementType.Find(spelled)!;
            if (storage != "") yield return ($"torch.{storage}Storage", new StorageType(type));
            foreach (var dtype in dtypes.Split(' ')) yield return ($"torch.{dtype}", type);
        }
        foreach (var name in (string[])["torch.storage.UntypedStorage", "torch.UntypedStorage"]) yield return (name, new StorageType(null));
    }

    // (), or pairs as Python 2 writes them.
    private static PickleDict Dictionary(object?[] arguments)
    {
        var result = new PickleDict();
        if (arguments is []) return result;
        if (arguments is not [PickleList pairs]) throw new FormatException("an OrderedDict of something that is no list");
        foreach (var pair in pairs.Items) result.Pairs.Add(pair switch
        {
            PickleList { Items: [var key, var value] } => (key, value),
            PickleTuple { Items: [var key, var value] } => (key, value),
            _ => throw new FormatException("an OrderedDict of something that is no pair"),
        });
        return result;
    }

    // (tensor, requires_grad, hooks)
    private static PickledTensor Parameter(object?[] arguments)
        => arguments is [PickledTensor tensor, ..] ? tensor : throw new FormatException("a parameter that is no tensor");

    // (storage, offset, size, stride, requires_grad, hooks[, dtype])
    private static PickledTensor Tensor(object?[] arguments, object? typed)
    {
        if (arguments is not [PickledStorage storage, long offset, PickleTuple shape, PickleTuple strides, ..])
            throw new FormatException("a tensor of something else than storage, offset, size and stride");
        var type = typed as ElementType ?? storage.Type ?? throw new FormatException("a tensor without a type");
        return new PickledTensor(storage, type, offset, Numbers(shape), Numbers(strides));
    }

    private static long[] Numbers(PickleTuple tuple)
        => Array.ConvertAll(tuple.Items, i => i as long? ?? throw new FormatException("a size that is no number"));
}
