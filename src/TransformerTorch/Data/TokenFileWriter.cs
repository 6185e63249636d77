using System.Runtime.InteropServices;
using TransformerTorch.Checkpoints;

namespace TransformerTorch.Data;

/// <summary>Writes a <see cref="TokenFile"/>, document by document; memory does not grow with their number.</summary>
public sealed class TokenFileWriter : IDisposable
{
    private readonly string _path;
    private readonly byte[] _fingerprint;
    private readonly FileStream _wide;  // four bytes a value: the greatest is known only at the end, and the copy narrows
    private readonly FileStream _ends;
    private TokenFile.Header _header = new() { Magic = TokenFile.Magic, Version = TokenFile.Version };
    private int _least, _greatest;

    /// <summary>Begins a file; one that is there is replaced when the new one is whole.</summary>
    /// <param name="path">Where.</param>
    /// <param name="fingerprint">32 bytes that say what it is made of.</param>
    public TokenFileWriter(string path, byte[] fingerprint)
    {
        (_path, _fingerprint) = (path, fingerprint);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        (_wide, _ends) = (Temporary(), Temporary());
    }

    /// <summary>Documents written.</summary>
    public long Documents => _header.Documents;

    /// <summary>Adds a document.</summary>
    /// <param name="values">Its values.</param>
    /// <param name="textBytes">UTF-8 bytes of its text.</param>
    public void Add(ReadOnlySpan<int> values, long textBytes = 0)
    {
        _wide.Write(MemoryMarshal.AsBytes(values));
        foreach (var value in values) (_least, _greatest) = (Math.Min(_least, value), Math.Max(_greatest, value));
        _header.Tokens += values.Length;
        _header.TextBytes += textBytes;
        _header.Documents++;
        _ends.Write(MemoryMarshal.AsBytes([_header.Tokens, _header.TextBytes]));
    }

    /// <summary>Puts the whole file in its place.</summary>
    public void Finish()
    {
        _header.Width = _least < 0 || _greatest > ushort.MaxValue ? 4 : _greatest > byte.MaxValue ? 2 : 1;
        _fingerprint.AsSpan(0, 32).CopyTo(_header.Fingerprint);
        AtomicFile.Write(_path, stream =>
        {
            stream.Write(MemoryMarshal.AsBytes([_header]));
            (_wide.Position, _ends.Position) = (0, 0);
            CopyValues(stream);
            stream.Write(new byte[TokenFile.Padded(_header.Tokens * _header.Width) - _header.Tokens * _header.Width]);
            _ends.CopyTo(stream);
        });
    }

    /// <summary>Removes what is only needed while writing.</summary>
    public void Dispose()
    {
        _wide.Dispose();
        _ends.Dispose();
    }

    private FileStream Temporary() => new(
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(_path))!, $".ids.{Guid.NewGuid():N}.tmp"), FileMode.CreateNew,
        FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);

    private void CopyValues(Stream stream)
    {
        if (_header.Width == 4) { _wide.CopyTo(stream); return; }
        var wide = new int[1 << 16];
        var narrow = new byte[wide.Length * _header.Width];
        while (_wide.ReadAtLeast(MemoryMarshal.AsBytes(wide.AsSpan()), wide.Length * 4, throwOnEndOfStream: false) / 4 is > 0 and var count)
        {
            var shorts = MemoryMarshal.Cast<byte, ushort>(narrow.AsSpan());
            for (var i = 0; i < count; i++)
                if (_header.Width == 1) narrow[i] = (byte)wide[i]; else shorts[i] = (ushort)wide[i];
            stream.Write(narrow.AsSpan(0, count * _header.Width));
        }
    }
}
