using System.Buffers.Binary;
using System.Text.Unicode;

namespace TransformerTorch.Text.SentencePiece;

/// <summary>
/// Reads one protobuf message, field by field (protobuf.dev, "Encoding"). It walks the given bytes and allocates nothing by itself, so
/// that a length in a hostile file costs nothing.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int BytesType = 2;
    private const int Fixed32Type = 5;

    private readonly ReadOnlySpan<byte> _message = message;
    private int _at;
    private int _type;
    private ReadOnlySpan<byte> _bytes;
    private ulong _number;

    /// <summary>The number of the field that <see cref="Next"/> came to.</summary>
    public int Field { get; private set; }

    /// <summary>Goes to the next field; false at the end of the message.</summary>
    /// <exception cref="TokenizerException">The message is cut short, or is no protobuf.</exception>
    public bool Next()
    {
        if (_at == _message.Length)
            return false;
        var key = Varint();
        Field = key >> 3 is > 0 and <= 0x1FFFFFFF and var field ? (int)field : throw Broken("a field has no valid number");
        _type = (int)(key & 7);
        _bytes = default;
        switch (_type)
        {
            case VarintType:
                _number = Varint();
                break;
            case Fixed64Type:
                Take(8);
                break;
            case BytesType:
                Take(Varint());
                break;
            case Fixed32Type:
                _number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw Broken($"wire type {_type} is unknown");
        }
        return true;
    }

    public readonly ReadOnlySpan<byte> Bytes() => _type == BytesType ? _bytes : throw Unexpected("bytes");

    public readonly byte[] Text() => Utf8.IsValid(Bytes()) ? _bytes.ToArray() : throw Broken($"field {Field} is not UTF-8");

    public readonly int Int() => _type == VarintType ? unchecked((int)_number) : throw Unexpected("a whole number");

    public readonly bool Bool() => _type == VarintType ? _number != 0 : throw Unexpected("true or false");

    public readonly float Float() =>
        _type == Fixed32Type ? BitConverter.UInt32BitsToSingle((uint)_number) : throw Unexpected("a number of 4 bytes");

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)(_message.Length - _at))
            throw Broken($"{length} bytes are announced, {_message.Length - _at} are left");
        _bytes = _message.Slice(_at, (int)length);
        _at += (int)length;
        return _bytes;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (_at == _message.Length)
                throw Broken("a number is cut short");
            var part = _message[_at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
        throw Broken("a number has more than 10 bytes");
    }

    private readonly TokenizerException Unexpected(string expected) =>
        Broken($"field {Field} is of wire type {_type}, {expected} was expected");

    private readonly TokenizerException Broken(string message) => new($"at byte {_at} of {_message.Length}: {message}");
}
