namespace TransformerTorch.Checkpoints.PyTorch;

// What a pickle of weights is made of, beside null, bool, long, BigInteger, double, string and byte[].

/// <summary>A tuple.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A list.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A dict or an OrderedDict: pairs as they came, later ones overwriting.</summary>
internal sealed class PickleDict
{
    public List<(object? Key, object? Value)> Pairs { get; } = [];
}

/// <summary>Something that may be called, by its Python name. It builds one of these values and does nothing else.</summary>
internal sealed record PickleFunction(string Name, Func<object?[], object?> Call);

/// <summary>The storage that a tensor lies in.</summary>
/// <param name="Key">its name in the file</param>
/// <param name="Type">its elements; null: bytes, whose tensors say what they are</param>
/// <param name="Count">its elements, or bytes</param>
/// <param name="First">where a view of it begins, in elements (files of 2017)</param>
internal sealed record PickledStorage(string Key, ElementType? Type, long Count, long First = 0);

/// <summary>A storage's type, as a global.</summary>
internal sealed record StorageType(ElementType? Elements);

/// <summary>A tensor: a view of a storage.</summary>
internal sealed record PickledTensor(PickledStorage Storage, ElementType Type, long Offset, long[] Shape, long[] Strides);
