using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace TransformerTorch.Text.Models;

/// <summary>
/// Different byte strings, numbered as they come and found again by span; all held in one block, nothing allocated per string.
/// </summary>
internal sealed class ByteStrings
{
    // Differs from run to run, so that no file can be made to collide on purpose.
    private static readonly ulong _seed = (ulong)Random.Shared.NextInt64() | 1;

    private struct Entry
    {
        public uint Hash;
        public int Start;
        public int Length;
    }

    private byte[] _block;
    private int _blockLength;
    private Entry[] _entries;
    private int[] _slots; // number of the string plus one

    public ByteStrings(int capacity = 16)
    {
        capacity = Math.Max(16, capacity);
        _entries = new Entry[capacity];
        _block = new byte[(int)Math.Min(capacity * 8L, 1 << 24)];
        _slots = new int[(int)BitOperations.RoundUpToPowerOf2((uint)capacity * 2)];
    }

    public int Count { get; private set; }

    public ReadOnlySpan<byte> this[int index] => _block.AsSpan(_entries[index].Start, _entries[index].Length);

    /// <summary>The number of <paramref name="key"/>, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Find(ReadOnlySpan<byte> key) => _slots[Slot(key, Hash(key))] - 1;

    /// <summary>The number of <paramref name="key"/>, which is added if it is new: then the number is the count before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int FindOrAdd(ReadOnlySpan<byte> key)
    {
        var hash = Hash(key);
        var slot = Slot(key, hash);
        if (_slots[slot] != 0)
            return _slots[slot] - 1;
        if (Count == _entries.Length)
            Array.Resize(ref _entries, Count * 2);
        if (key.Length > _block.Length - _blockLength)
            Array.Resize(ref _block, (int)Math.Min(Math.Max(_block.Length * 2L, (long)_blockLength + key.Length), Array.MaxLength));
        key.CopyTo(_block.AsSpan(_blockLength));
        _entries[Count] = new Entry { Hash = hash, Start = _blockLength, Length = key.Length };
        _blockLength += key.Length;
        _slots[slot] = ++Count;
        if (Count * 2L > _slots.Length)
            Rehash();
        return Count - 1;
    }

    public void Clear()
    {
        Array.Clear(_slots);
        Count = _blockLength = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Slot(ReadOnlySpan<byte> key, uint hash)
    {
        var mask = _slots.Length - 1;
        for (var slot = (int)hash & mask; ; slot = slot + 1 & mask)
        {
            var index = _slots[slot] - 1;
            if (index < 0)
                return slot;
            ref var entry = ref _entries[index];
            if (entry.Hash == hash && _block.AsSpan(entry.Start, entry.Length).SequenceEqual(key))
                return slot;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rehash()
    {
        _slots = new int[_slots.Length * 2];
        var mask = _slots.Length - 1;
        for (var index = 0; index < Count; index++)
        {
            var slot = (int)_entries[index].Hash & mask;
            while (_slots[slot] != 0)
                slot = slot + 1 & mask;
            _slots[slot] = index + 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Multiplier = 0x9E3779B97F4A7C15;
        var hash = _seed ^ (ulong)bytes.Length * Multiplier;
        while (bytes.Length >= 8)
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * Multiplier;
            hash ^= hash >> 32;
            bytes = bytes[8..];
        }
        ulong rest = 0;
        if (bytes.Length >= 4)
            rest = BinaryPrimitives.ReadUInt32LittleEndian(bytes) | (ulong)BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]) << 32;
        else if (bytes.Length > 0)
            rest = bytes[0] | (ulong)bytes[bytes.Length / 2] << 8 | (ulong)bytes[^1] << 16;
        hash = (hash ^ rest) * Multiplier;
        return (uint)(hash >> 32) ^ (uint)(hash >> 15);
    }
}
