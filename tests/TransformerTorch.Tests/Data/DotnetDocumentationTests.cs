using TransformerTorch.Data;
using TransformerTorch.Data.Sources;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

public sealed class DotnetDocumentationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("T:System.Console", "type", "System.Console")]
    [InlineData("T:System.Collections.Generic.List`1", "type", "System.Collections.Generic.List<T>")]
    [InlineData("M:System.Console.Beep", "method", "System.Console.Beep()")]
    [InlineData("M:System.Math.Max(System.Int32,System.Double@)", "method", "System.Math.Max(int a, ref double b)")]
    [InlineData("M:System.String.#ctor(System.Char[],System.Int32)", "constructor", "System.String(char[] a, int b)")]
    [InlineData("M:System.Collections.Generic.List`1.Add(`0)", "method", "System.Collections.Generic.List<T>.Add(T a)")]
    [InlineData("M:System.Linq.Enumerable.Zip``2(System.Collections.Generic.IEnumerable{``0},System.Func{``0,``1})", "method",
        "System.Linq.Enumerable.Zip<X, Y>(IEnumerable<X> a, Func<X, Y> b)")]
    [InlineData("M:A.B.M(System.Nullable{System.Int32},System.Int32[0:,0:],System.Byte*)", "method", "A.B.M(int? a, int[,] b, byte* c)")]
    [InlineData("P:System.String.Chars(System.Int32)", "property", "System.String.Chars[int a]")]
    [InlineData("P:System.String.Length", "property", "System.String.Length")]
    [InlineData("M:System.Decimal.op_Explicit(System.Decimal)~System.Byte", "method", "System.Decimal.op_Explicit(decimal a)")]
    [InlineData("M:A.B.I#Run", "method", "A.B.I.Run()")]
    public void Ids_become_signatures_as_csharp_readers_write_them(string id, string kind, string signature)
    {
        var parsed = DocumentationId.Parse(id)!;

        Assert.Equal(kind, parsed.Kind);
        Assert.Equal(signature, parsed.ToSignature(["T"], ["X", "Y"], ["a", "b", "c"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("M:")]
    [InlineData("M:Nothing")]
    [InlineData("!:Unresolved.Name")]
    public void What_is_no_member_id_is_not_taken_for_one(string id) => Assert.Null(DocumentationId.Parse(id));

    [Fact]
    public void A_member_becomes_a_document_of_signature_summary_and_returns_and_repeated_summaries_are_left_out()
    {
        _folder.Write("packs/Some.Ref/9.0.1/ref/net9.0/Old.xml",
            Xml("""<member name="T:Old"><summary>An old version.</summary></member>"""));
        _folder.Write("packs/Some.Ref/10.0.2/ref/net10.0/A.xml", Xml("""
            <member name="T:N.Box`1"><summary>A box.  Holds
              one <typeparamref name="TItem" />.</summary><typeparam name="TItem">What.</typeparam></member>
            <member name="M:N.Box`1.Put(`0)"><summary>Puts <paramref name="item" /> into the <see cref="T:N.Box`1" />, or throws
              <see cref="F:N.Kind.Full" /> and <see langword="null" />.</summary><param name="item">It.</param>
              <returns><see langword="true" /> if it fits.</returns></member>
            <member name="M:N.Box`1.Again"><summary>A box. Holds one TItem.</summary></member>
            <member name="P:N.Box`1.Empty"><summary /></member>
            """));

        var documents = new DotnetDocumentation(_folder.Root).Read().ToList();

        Assert.Equal(["type N.Box<TItem>\nA box. Holds one TItem.",
            "method N.Box<TItem>.Put(TItem item)\nPuts item into the Box, or throws Kind.Full and null.\nReturns: true if it fits."],
            documents.Select(d => d.Text));
    }

    [Fact]
    public void A_folder_without_documentation_is_named_with_the_remedy()
    {
        var error = Assert.Throws<DataException>(() => new DotnetDocumentation(_folder.Root));

        Assert.Contains(_folder.Root, error.Message, StringComparison.Ordinal);
        Assert.Contains("Install the .NET SDK", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_xml_is_named_with_its_line()
    {
        var file = _folder.Write("packs/Some.Ref/10.0.2/ref/net10.0/A.xml", "<doc>\n<members>\n<member name='T:A'>");

        var error = Assert.Throws<DataException>(() => new DotnetDocumentation(_folder.Root).Read().ToList());

        Assert.Contains($"{file}:3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_running_sdk_gives_tens_of_thousands_of_documents_in_the_same_order_each_time()
    {
        var source = new DotnetDocumentation();

        var (first, second) = (source.Read().ToList(), new DotnetDocumentation(source.Root).Read().ToList());

        Assert.True(first.Count > 40_000, $"{first.Count} documents");
        Assert.Equal(first.Select(d => d.Text), second.Select(d => d.Text));
        Assert.Equal(first.Count, source.Members.Select(m => m.Summary).Distinct().Count());
        Assert.Single(first.Zip(source.Members).Where(p => p.Second.Id.Type == "System.Console")
            .Select(p => Split.IsValidation(p.First, 0.5)).Distinct());
        Assert.Contains(first, d =>
            d.Text.StartsWith("method System.Console.Beep(int frequency, int duration)\n", StringComparison.Ordinal));
    }

    private static string Xml(string members) =>
        $"<?xml version=\"1.0\"?><doc><assembly><name>A</name></assembly><members>{members}</members></doc>";
}
