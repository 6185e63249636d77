using TransformerTorch.Checkpoints;
using TransformerTorch.Hub;
using TransformerTorch.Sentences;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Hub;

/// <summary>Downloads from a hub on this machine: the cache's layout, and everything that goes wrong on the way.</summary>
public sealed class ModelHubTests : IDisposable
{
    private readonly TemporaryFolder _cache = new();
    private readonly LoopbackHub _hub = new();

    public ModelHubTests()
    {
        foreach (var name in (string[])["config.json", "generation_config.json", "model.safetensors"])
            _hub.Files[name] = File.ReadAllBytes(Path.Combine(Fixtures.Model("gpt2"), name));
        foreach (var name in (string[])["README.md", "pytorch_model.bin", "onnx/model.onnx", "tf_model.h5"]) _hub.Files[name] = [1, 2, 3];
    }

    private HubOptions Options => new()
    {
        Endpoint = _hub.Endpoint, Cache = _cache["hub"], Attempts = 3, Pause = TimeSpan.FromMilliseconds(1),
        Patience = TimeSpan.FromSeconds(20),
    };

    private string Model => _cache["hub/models--org--name"];

    public void Dispose()
    {
        _hub.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public async Task A_model_comes_into_the_caches_layout_and_loads()
    {
        var folder = await Get();
        Assert.Equal(Path.Combine(Model, "snapshots", LoopbackHub.Commit), folder);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        Assert.Equal(LoopbackHub.Commit, File.ReadAllText(Path.Combine(Model, "refs", "main")));
        var link = new FileInfo(Path.Combine(folder, "model.safetensors")).LinkTarget;
        Assert.StartsWith("../../blobs/", link, StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetFiles(Path.Combine(Model, "blobs")).Length);
        using var model = ModelFolder.Load(folder);
        Assert.Equal(32, model.Backbone.Width);
    }

    [Fact]
    public async Task What_is_there_is_not_downloaded_again()
    {
        await Get();
        _hub.Requests.Clear();
        await Get();
        Assert.Equal(["GET /api/models/org/name/revision/main"], _hub.Requests);
    }

    [Fact]
    public async Task Offline_and_without_the_hub_what_is_there_is_used()
    {
        var error = await Assert.ThrowsAsync<HubException>(() => Get(Options with { Offline = true }));
        Assert.Contains("is no folder and has not been downloaded yet, and HF_HUB_OFFLINE is set", error.Message, StringComparison.Ordinal);
        var folder = await Get();
        _hub.Requests.Clear();
        Assert.Equal(folder, await Get(Options with { Offline = true }));
        Assert.Empty(_hub.Requests);
        _hub.Dispose();
        Assert.Equal(folder, await Get());
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_not_to_where_it_redirects()
    {
        _hub.Token = "secret";
        var error = await Assert.ThrowsAsync<HubException>(() => Get());
        Assert.Contains("set HF_TOKEN", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<HubException>(() => Get(Options with { Token = "wrong" }));
        Assert.Contains("does not accept the token", error.Message, StringComparison.Ordinal);
        _hub.Requests.Clear();
        await Get(Options with { Token = "secret" });
        Assert.Contains(_hub.Requests, r => r == "GET /cdn/model.safetensors");
        Assert.All(_hub.Requests.Where(r => !r.Contains("/cdn/", StringComparison.Ordinal)), r => Assert.EndsWith(" token", r));
    }

    [Theory]
    [InlineData(403, "access has to be asked for at")]
    [InlineData(404, "there is no such file")]
    [InlineData(418, "the hub answers 418")]
    public async Task An_answer_that_will_not_change_ends_at_once(int status, string message)
    {
        _hub.Troubles.Enqueue(("config.json", status, null));
        var error = await Assert.ThrowsAsync<HubException>(() => Get());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(429), InlineData(500), InlineData(503)]
    public async Task An_answer_that_may_change_is_tried_again_and_not_for_ever(int status)
    {
        for (var i = 0; i < 2; i++) _hub.Troubles.Enqueue(("model.safetensors", status, null));
        await Get();
        Directory.Delete(Model, recursive: true);
        for (var i = 0; i < 3; i++) _hub.Troubles.Enqueue(("model.safetensors", status, null));
        var error = await Assert.ThrowsAsync<HubException>(() => Get());
        Assert.Contains($"the hub answers {status} (3 attempts)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_download_that_is_cut_goes_on_where_it_ended()
    {
        foreach (var cut in (int[])[50_000, 20_000, 10_000, 5_000]) _hub.Troubles.Enqueue(("/cdn/model.safetensors", 200, cut));
        var folder = await Get();
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Contains(_hub.Requests, r => r.StartsWith("GET /cdn/model.safetensors from ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_hub_without_ranges_sends_the_whole_again()
    {
        _hub.Ranges = false;
        _hub.Troubles.Enqueue(("/cdn/model.safetensors", 200, 50_000));
        var folder = await Get();
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Content_that_is_not_what_was_announced_is_refused_and_not_kept(bool sameSize)
    {
        _hub.Forged = sameSize ? new byte[_hub.Files["config.json"].Length] : [1, 2, 3];
        var error = await Assert.ThrowsAsync<HubException>(() => Get());
        Assert.Contains("org/name", error.Message, StringComparison.Ordinal);
        Assert.Contains(sameSize ? "its hash is" : "bytes", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(Model, "blobs")), f => !f.EndsWith(".incomplete", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_earlier_attempt_left_spoilt_is_fetched_again()
    {
        await Get();
        var link = new FileInfo(Path.Combine(Model, "snapshots", LoopbackHub.Commit, "model.safetensors"));
        var blob = link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        File.Delete(blob);
        File.WriteAllBytes(blob + ".incomplete", new byte[60_000]);
        var folder = await Get();
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public async Task Several_at_once_download_each_file_once()
    {
        var folders = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => Get())));
        Assert.Single(folders.Distinct());
        Assert.Single(_hub.Requests, r => r.StartsWith("GET /cdn/model.safetensors", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("../../escaped.json")]
    [InlineData("/tmp/escaped.json")]
    [InlineData("a\\b.json")]
    [InlineData("a//b.json")]
    public async Task A_file_name_that_leads_out_of_the_cache_is_refused(string name)
    {
        _hub.Listed["README.md"] = name;
        var error = await Assert.ThrowsAsync<HubException>(() => Get());
        Assert.Contains($"the hub names a file '{name}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_download_can_be_stopped_and_tells_how_far_it_is()
    {
        using var stop = new CancellationTokenSource();
        var seen = new List<HubProgress>();
        var progress = new Reporter(p =>
        {
            seen.Add(p);
            if (p is { File: "model.safetensors", Done: > 0 }) stop.Cancel();
        });
        _hub.Troubles.Enqueue(("/cdn/model.safetensors", 200, 50_000));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ModelHub.Folder("org/name", options: Options, progress: progress, cancellation: stop.Token));
        Assert.Contains(seen, p => p.File == "config.json" && p.Done == p.Total);
        Assert.Single(Directory.GetFiles(Path.Combine(Model, "blobs"), "*.incomplete"));
        await Get();
    }

    [Theory]
    [InlineData("no/such/folder", "there is no folder no/such/folder")]
    [InlineData("../x", "there is no folder ../x")]
    [InlineData("bert-base-uncased", "a model on the hub is named org/name, such as google-bert/bert-base-uncased")]
    [InlineData("org/other", "there is no such model, or no revision main")]
    public async Task A_name_that_is_no_models_is_named(string name, string message)
    {
        var error = await Assert.ThrowsAsync<HubException>(() => ModelHub.Folder(name, options: Options));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_has_the_reference_librarys_names()
    {
        _cache.Write("home/token", "hf_saved\n");
        var variables = new Dictionary<string, string> { ["HF_HOME"] = _cache["home"] };
        var options = HubOptions.FromEnvironment(variables.GetValueOrDefault);
        Assert.Equal((_cache["home/hub"], "hf_saved", false), (options.Cache, options.Token, options.Offline));
        Assert.Equal("https://huggingface.co/", options.Endpoint.AbsoluteUri);

        variables["HF_HUB_CACHE"] = "/elsewhere";
        variables["HF_TOKEN"] = "hf_given";
        variables["HF_HUB_OFFLINE"] = "1";
        variables["HF_ENDPOINT"] = "http://mirror:8080/hf/";
        options = HubOptions.FromEnvironment(variables.GetValueOrDefault);
        Assert.Equal(("/elsewhere", "hf_given", true), (options.Cache, options.Token, options.Offline));
        Assert.Equal("http://mirror:8080/hf", options.Endpoint.AbsoluteUri);

        variables["HF_ENDPOINT"] = "mirror";
        Assert.Throws<HubException>(() => HubOptions.FromEnvironment(variables.GetValueOrDefault));
    }

    /// <summary>Truth: sentence-transformers, whose modules have folders of their own, the first with its tokenizer.</summary>
    [Fact]
    public async Task What_modules_json_names_comes_with_its_weights()
    {
        var modules = new DirectoryInfo(Path.Combine(Fixtures.Root, "sentences"));
        _hub.Files.Clear();
        foreach (var name in (string[])["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
            _hub.Files[$"0_Transformer/{name}"] = File.ReadAllBytes(Path.Combine(modules.FullName, name));
        foreach (var file in modules.GetDirectories().SelectMany(d => d.GetFiles()))
            _hub.Files[$"{file.Directory!.Name}/{file.Name}"] = File.ReadAllBytes(file.FullName);
        var list = File.ReadAllText(Path.Combine(modules.FullName, "modules.json"))
            .Replace("\"path\": \"\"", "\"path\": \"0_Transformer\"", StringComparison.Ordinal);
        _hub.Files["modules.json"] = System.Text.Encoding.UTF8.GetBytes(list);
        _hub.Files["onnx/model.safetensors"] = [1, 2, 3];

        var folder = await Get();

        using var embedder = TextEmbedder.Load(folder);
        Assert.Equal(5, embedder.Embed("dog").Length);
        Assert.False(Directory.Exists(Path.Combine(folder, "onnx")));
        Assert.Equal(folder, await Get(Options with { Offline = true }));
    }

    [Fact]
    public void Weights_are_wanted_in_one_form()
    {
        string[] shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        string[] about = ["config.json", "model.safetensors.index.json", "tokenizer.json", "vocab.txt", "1_Pooling/config.json"];
        Assert.Equal([.. about, .. shards], ModelHub.Wanted([.. about, .. shards, "pytorch_model.bin", "rust_model.ot", "img/a.png"]));
        Assert.Equal(["config.json", "pytorch_model.bin"], ModelHub.Wanted(["config.json", "pytorch_model.bin", "flax_model.msgpack"]));
    }

    /// <summary>Truth: the names on the hub, of DeepSeek-R1-Distill-Qwen-7B and of bloom in both forms.</summary>
    [Theory]
    [InlineData("model-00001-of-000002.safetensors")]
    [InlineData("model_00001-of-00072.safetensors")]
    [InlineData("pytorch_model_00001-of-00072.bin")]
    public void Shards_are_wanted_however_they_are_numbered(string shard)
        => Assert.Equal(["config.json", shard], ModelHub.Wanted(["config.json", shard, "training_00001-of-00072.bin"]));

    private Task<string> Get(HubOptions? options = null) => ModelHub.Folder("org/name", options: options ?? Options);

    private sealed class Reporter(Action<HubProgress> report) : IProgress<HubProgress>
    {
        public void Report(HubProgress value) => report(value);
    }
}
