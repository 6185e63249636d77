using System.Globalization;
using Microsoft.Playwright;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.Server.Tests;

/// <summary>
/// The pages in a browser without a screen: the first of <c>TT_BROWSER</c> and the distribution's Chromiums; skipped where there is none.
/// <c>TT_SCREENSHOTS</c> names a folder for pictures.
/// </summary>
public sealed class PageTests(RunningServer server, ThinkingServer thinking, LongServer patient)
    : IClassFixture<RunningServer>, IClassFixture<ThinkingServer>, IClassFixture<LongServer>
{
    private static readonly string? _browser = new[]
    {
        Environment.GetEnvironmentVariable("TT_BROWSER"), "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome",
    }.FirstOrDefault(File.Exists);

    [SkippableFact]
    public async Task The_chat_page_shows_an_answer_as_it_comes_with_its_speed()
    {
        await using var tab = await Tab.Open(server, "/");
        await tab.Page.FillAsync("#text", "Hello there");
        await tab.Page.FillAsync("#max_tokens", "40");
        await tab.Page.PressAsync("#text", "Enter");
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('#rate').textContent");
        await tab.Picture("chat-streaming");
        await tab.Page.WaitForFunctionAsync("() => !document.querySelector('#send').disabled");

        Assert.Matches("^[1-9][0-9]* tokens · [0-9.]+ tokens/s", await tab.Page.TextContentAsync("#rate"));
        Assert.Equal("Hello there", await tab.Page.TextContentAsync(".turn.user"));
        Assert.NotEmpty((await tab.Page.TextContentAsync(".turn.assistant"))!);
        Assert.True(await tab.Page.IsEnabledAsync("#send"));
        await tab.Pictures("chat");
        Assert.Empty(tab.Errors);
    }

    [SkippableFact]
    public async Task Stopping_keeps_what_came_and_frees_the_model()
    {
        await using var tab = await Tab.Open(patient, "/");
        await tab.Page.FillAsync("#text", "A long one");
        await tab.Page.FillAsync("#max_tokens", "8000");
        // Stopped by the page itself at the first letters: a small model is done before a click from outside arrives.
        await tab.Page.EvaluateAsync("""
            () => new MutationObserver((_, observer) => {
              if (!document.querySelector('.turn.assistant')?.textContent) return;
              observer.disconnect();
              document.querySelector('#stop').click();
            }).observe(document.querySelector('#turns'), { subtree: true, childList: true, characterData: true })
            """);
        await tab.Page.ClickAsync("#send");
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('.turn.assistant')?.textContent");
        await tab.Page.WaitForFunctionAsync("() => !document.querySelector('#send').disabled");

        Assert.NotEmpty((await tab.Page.TextContentAsync(".turn.assistant"))!);
        var shown = (await tab.Page.TextContentAsync("#rate"))!.Split(' ')[0];
        Assert.InRange(int.Parse(shown, CultureInfo.InvariantCulture), 1, 7999);
        for (var i = 0; i < 250 && patient.Chat.Engine!.Statistics.Running > 0; i++) await Task.Delay(20);
        Assert.Equal(0, patient.Chat.Engine!.Statistics.Running);
        Assert.Empty(tab.Errors);
    }

    [SkippableFact]
    public async Task What_is_thought_is_shown_before_the_answer()
    {
        await using var tab = await Tab.Open(thinking, "/");
        await tab.Page.FillAsync("#text", "One and two?");
        await tab.Page.PressAsync("#text", "Enter");
        await tab.Page.WaitForFunctionAsync("() => !document.querySelector('#send').disabled");

        Assert.Equal("Add them.", await tab.Page.TextContentAsync(".turn.thought"));
        Assert.Equal("Three.", await tab.Page.TextContentAsync(".turn.thought + .turn.assistant"));
        await tab.Picture("chat-thought");
        Assert.Empty(tab.Errors);
    }

    [SkippableFact]
    public async Task A_wrong_key_is_told_on_the_page()
    {
        await using var tab = await Tab.Open(server, "/", key: "wrong");
        await tab.Page.WaitForSelectorAsync(".turn.error");
        Assert.Contains("no such API key", await tab.Page.TextContentAsync(".turn.error"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_inspection_page_shows_probabilities_and_a_square_for_each_head()
    {
        await using var tab = await Tab.Open(server, "/inspect.html");
        await tab.Page.ClickAsync("#look");
        await tab.Page.WaitForSelectorAsync("#heads canvas");
        Assert.Equal(4, await tab.Page.Locator("#heads canvas").CountAsync());
        Assert.Equal(2, await tab.Page.Locator("#layer option").CountAsync());
        await tab.Page.Locator("#tokens button").Nth(5).ClickAsync();
        Assert.Contains("probability", await tab.Page.TextContentAsync("#detail"), StringComparison.Ordinal);
        await tab.Page.SelectOptionAsync("#layer", "1");
        await tab.Page.WaitForFunctionAsync("() => document.querySelector('#note').textContent.includes('layer 1 of 2')");
        Assert.Contains("probability", await tab.Page.TextContentAsync("#detail"), StringComparison.Ordinal); // the choice stays
        await tab.Pictures("inspect");
        Assert.Empty(tab.Errors);
    }

    private sealed class Tab : IAsyncDisposable
    {
        private IPlaywright _playwright = null!;
        private IBrowser _started = null!;

        public IPage Page { get; private set; } = null!;

        public List<string> Errors { get; } = [];

        public static async Task<Tab> Open(RunningServer server, string path, string key = RunningServer.Key)
        {
            Skip.If(_browser is null, "no browser here");
            var tab = new Tab { _playwright = await Playwright.CreateAsync() };
            tab._started = await tab._playwright.Chromium.LaunchAsync(new() { ExecutablePath = _browser, Args = ["--no-sandbox"] });
            tab.Page = await tab._started.NewPageAsync(new() { ViewportSize = new() { Width = 1280, Height = 800 } });
            tab.Page.SetDefaultTimeout(60_000);
            tab.Page.PageError += (_, error) => tab.Errors.Add(error);
            await tab.Page.GotoAsync(new Uri(server.Address, path).ToString());
            if (path == "/") await tab.Page.ClickAsync("summary");
            await tab.Page.FillAsync("#key", key);
            await tab.Page.DispatchEventAsync("#key", "change");
            if (key == RunningServer.Key) await tab.Page.WaitForFunctionAsync("() => document.querySelector('#model').options.length > 0");
            return tab;
        }

        public Task Picture(string name) => Environment.GetEnvironmentVariable("TT_SCREENSHOTS") is { Length: > 0 } folder
            ? Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}.png"), FullPage = true }) : Task.CompletedTask;

        /// <summary>As it is, in the dark, and on a telephone, where nothing may stand beside the screen.</summary>
        public async Task Pictures(string name)
        {
            await Picture(name);
            await Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
            await Picture($"{name}-dark");
            await Page.SetViewportSizeAsync(390, 844);
            await Picture($"{name}-phone");
            Assert.True(await Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= window.innerWidth"));
        }

        public async ValueTask DisposeAsync()
        {
            await _started.DisposeAsync();
            _playwright.Dispose();
        }
    }
}

/// <summary>One whose answers take seconds, so that a page can stop them.</summary>
public sealed class LongServer : RunningServer
{
    protected override SmallModel Folder => new(context: 8192);
}
