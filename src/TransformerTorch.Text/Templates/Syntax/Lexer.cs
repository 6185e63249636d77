using System.Text;

namespace TransformerTorch.Text.Templates.Syntax;

internal enum TokenKind
{
    Text, OutputBegin, OutputEnd, BlockBegin, BlockEnd, Name, String, Integer, Float, Operator, End,
}

internal readonly record struct TemplateToken(TokenKind Kind, string Text, int Line)
{
    public bool Is(TokenKind kind, string text) => Kind == kind && Text == text;

    public override string ToString() => Kind switch
    {
        TokenKind.End => "end of template",
        TokenKind.BlockEnd => "end of statement block",
        TokenKind.OutputEnd => "end of print statement",
        _ => Text,
    };
}

/// <summary>
/// Template text to tokens, with Jinja's trim_blocks and lstrip_blocks on: the first newline after a block tag goes, and so does white
/// space between the start of a line and a block tag; `-` strips all of it, `+` none. One trailing newline of the template goes too.
/// </summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _counted; // up to where newlines are counted
    private bool _lineStarting = true;

    private Lexer(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    public static List<TemplateToken> Tokenize(string source)
    {
        var lexer = new Lexer(source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_at < _source.Length)
        {
            var tag = NextTag();
            if (tag < 0)
            {
                AddText(_source[_at..], _at);
                break;
            }
            Tag(tag);
        }
        _at = _source.Length;
        Add(TokenKind.End, "");
    }

    private int NextTag()
    {
        for (var i = _source.IndexOf('{', _at); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
                return i;
        }
        return -1;
    }

    private void Tag(int start)
    {
        var kind = _source[start + 1];
        var sign = start + 2 < _source.Length && _source[start + 2] is '-' or '+' ? _source[start + 2] : '\0';
        AddText(Stripped(_source[_at..start], sign, kind), _at);
        _at = start + (sign == '\0' ? 2 : 3);
        if (kind == '#')
            Comment();
        else if (kind == '%' && RawBegin() is > 0 and var body)
            Raw(body);
        else
            Inside(kind == '%' ? TokenKind.BlockBegin : TokenKind.OutputBegin);
        _lineStarting = _source[_at - 1] == '\n';
    }

    private string Stripped(string text, char sign, char kind)
    {
        if (sign == '-')
            return text.AsSpan().TrimEnd(Values.Strings.WhiteSpace).ToString();
        if (sign == '+' || kind == '{')
            return text;
        var line = text.LastIndexOf('\n') + 1;
        var isBlank = text.AsSpan(line).Trim(Values.Strings.WhiteSpace).IsEmpty;
        return isBlank && (line > 0 || _lineStarting) ? text[..line] : text;
    }

    private void Comment()
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw Error("a comment is not closed: #} is missing");
        var sign = end > _at ? _source[end - 1] : '\0';
        _at = end + 2;
        AfterBlock(sign);
    }

    /// <summary>Where the text after `{% raw %}` begins, or 0.</summary>
    private int RawBegin()
    {
        var i = Skip(_at);
        if (!_source.AsSpan(i).StartsWith("raw"))
            return 0;
        i = Skip(i + 3);
        if (_source.AsSpan(i).StartsWith("-%}"))
            return Skip(i + 3);
        return _source.AsSpan(i).StartsWith("%}") ? i + 2 : 0;
    }

    private void Raw(int body)
    {
        for (var i = _source.IndexOf("{%", body, StringComparison.Ordinal); i >= 0;
             i = _source.IndexOf("{%", i + 2, StringComparison.Ordinal))
        {
            var sign = i + 2 < _source.Length && _source[i + 2] is '-' or '+' ? _source[i + 2] : '\0';
            var name = Skip(sign == '\0' ? i + 2 : i + 3);
            if (!_source.AsSpan(name).StartsWith("endraw"))
                continue;
            var end = Skip(name + 6);
            var closing = end < _source.Length && _source[end] is '-' or '+' ? _source[end++] : '\0';
            if (!_source.AsSpan(end).StartsWith("%}"))
                continue;
            _lineStarting = _source[body - 1] == '\n';
            AddText(Stripped(_source[body..i], sign, '%'), body);
            _at = end + 2;
            AfterBlock(closing);
            return;
        }
        throw Error("raw is not closed: {% endraw %} is missing");
    }

    private void Inside(TokenKind begin)
    {
        Add(begin, begin == TokenKind.BlockBegin ? "{%" : "{{");
        var close = begin == TokenKind.BlockBegin ? "%}" : "}}";
        var open = new Stack<char>();
        while (true)
        {
            _at = Skip(_at);
            if (_at >= _source.Length)
                throw Error($"a tag is not closed: {close} is missing");
            if (open.Count == 0 && Ends(close) is var sign and not null)
            {
                Add(begin + 1, close);
                _at += close.Length + (sign == '\0' ? 0 : 1);
                if (close == "%}")
                    AfterBlock(sign.Value);
                else if (sign == '-')
                    _at = Skip(_at);
                return;
            }
            var (kind, text, length) = Words.Next(_source, _at, Error);
            if (kind == TokenKind.Operator)
                Balance(open, text[0]);
            Add(kind, text);
            _at += length;
        }
    }

    private char? Ends(string close)
    {
        var rest = _source.AsSpan(_at);
        if (rest.StartsWith(close))
            return '\0';
        return rest.Length > 2 && rest[1..].StartsWith(close) && (rest[0] == '-' || (rest[0] == '+' && close == "%}")) ? rest[0] : null;
    }

    private void Balance(Stack<char> open, char bracket)
    {
        if (bracket is '(' or '[' or '{')
            open.Push(bracket == '(' ? ')' : bracket == '[' ? ']' : '}');
        else if (bracket is ')' or ']' or '}' && (!open.TryPop(out var expected) || expected != bracket))
            throw Error(expected == '\0' ? $"unexpected '{bracket}'" : $"unexpected '{bracket}', expected '{expected}'");
    }

    private void AfterBlock(char sign)
    {
        if (sign == '-')
            _at = Skip(_at);
        else if (sign != '+' && _at < _source.Length && _source[_at] == '\n')
            _at++;
    }

    private int Skip(int at)
    {
        while (at < _source.Length && Values.Strings.IsSpace(_source[at]))
            at++;
        return at;
    }

    private void AddText(string text, int start)
    {
        if (text.Length == 0)
            return;
        CountLines(start);
        _tokens.Add(new(TokenKind.Text, text, _line));
    }

    private void Add(TokenKind kind, string text)
    {
        CountLines(_at);
        _tokens.Add(new(kind, text, _line));
    }

    private void CountLines(int upTo)
    {
        if (upTo > _counted)
            (_line, _counted) = (_line + _source.AsSpan(_counted, upTo - _counted).Count('\n'), upTo);
    }

    private TemplateError Error(string message)
    {
        CountLines(Math.Min(_at, _source.Length));
        return new TemplateError("TemplateSyntaxError", message) { Line = _line };
    }
}
