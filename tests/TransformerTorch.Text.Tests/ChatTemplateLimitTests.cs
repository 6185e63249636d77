using System.Text.Json.Nodes;
using TransformerTorch.Text.Templates;

namespace TransformerTorch.Text.Tests;

/// <summary>Templates of unknown origin end within their limits, with an error that says which.</summary>
public sealed class ChatTemplateLimitTests
{
    [Theory]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{% for a in range(99999) %}{% set x = 'a' * 100000 %}{{ x | length }}{% endfor %}", "steps")]
    [InlineData("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "within each other")]
    [InlineData("{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}", "longer than")]
    [InlineData("{% set ns = namespace(x='a') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "")]
    [InlineData("{{ 9 ** 99999999 }}", "")]
    [InlineData("{{ 'a' * 99999999999 }}", "")]
    [InlineData("{{ '%99999999999d' % 1 }}", "")]
    [InlineData("{{ 'x' | center(99999999999) }}", "")]
    [InlineData("{{ range(99999999999) | list }}", "")]
    public void A_template_that_would_not_end_or_would_fill_memory_is_stopped(string template, string limit)
    {
        var options = new ChatTemplateOptions { Limits = new TemplateLimits { Steps = 500_000 } }; // the usual ten times takes seconds

        var error = Assert.Throws<ChatTemplateException>(() => Render(template, options));

        Assert.Contains(limit, error.Message);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("a.b(", ")")]
    [InlineData("a if ", " else b")]
    public void Deep_nesting_is_an_error_and_no_overflow(string before, string behind)
    {
        var expression = Many(before) + "1" + Many(behind);

        Assert.Throws<ChatTemplateException>(() => Render("{{ " + expression + " }}"));
    }

    [Fact]
    public void Deeply_nested_blocks_are_an_error_and_no_overflow()
    {
        var template = Many("{% if true %}") + Many("{% endif %}");

        Assert.Throws<ChatTemplateException>(() => Render(template));
    }

    [Fact]
    public void Limits_can_be_narrowed()
    {
        var template = ChatTemplate.Parse("{% for a in range(100) %}{{ a }}{% endfor %}");
        string? Fault(TemplateLimits limits) =>
            Record.Exception(() => template.Render(new JsonArray(), new ChatTemplateOptions { Limits = limits }))?.Message;

        Assert.Null(Fault(new TemplateLimits()));
        Assert.Contains("50 steps", Fault(new TemplateLimits { Steps = 50 }));
        Assert.Contains("100 characters", Fault(new TemplateLimits { OutputLength = 100 }));
        Assert.Contains("1 calls", Fault(new TemplateLimits { Depth = 1 }));
    }

    private static string Many(string text) => string.Concat(Enumerable.Repeat(text, 100_000));

    private static RenderedChat Render(string template, ChatTemplateOptions? options = null) =>
        ChatTemplate.Parse(template).Render([new ChatMessage("user", "a")], options);
}
