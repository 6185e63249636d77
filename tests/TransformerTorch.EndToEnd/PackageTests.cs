using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TransformerTorch.EndToEnd.Support;

namespace TransformerTorch.EndToEnd;

/// <summary>
/// The libraries packed, and the samples as fresh projects outside the repository that know nothing but the packages. Truths: what the
/// reference computed for the fixtures, and the command line's own answer.
/// </summary>
public sealed class PackageTests(PackageTests.Packed packed) : IClassFixture<PackageTests.Packed>
{
    [Fact]
    public void Every_library_is_packed_with_licence_readme_documentation_and_symbols()
    {
        string[] libraries = ["", ".Text", ".Text.MicrosoftML", ".AI", ".Server"];

        Assert.All(libraries.Select(name => $"TransformerTorch{name}"), name =>
        {
            var files = packed.Files($"{name}.0.1.0.nupkg");
            Assert.Superset(new HashSet<string> { "README.md", $"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml" }, files);
            Assert.Contains("<license type=\"expression\">MIT</license>", packed.Read($"{name}.0.1.0.nupkg", $"{name}.nuspec"));
            Assert.Contains($"lib/net10.0/{name}.pdb", packed.Files($"{name}.0.1.0.snupkg"));
        });
        if (packed.HasBridge) Assert.Contains("runtimes/linux-x64/native/libtransformertorch.so", packed.Files(Packed.Bridge));
    }

    [Fact]
    public void A_fresh_console_program_chats_as_the_command_line_does()
    {
        var program = packed.Build("Chat");
        using var chat = packed.Tt.StartProgram(Tt.Host, [program, packed.Model], input: "Line 7\n");

        Assert.StartsWith(packed.Answer, chat.Ended().Succeeded().Output);
    }

    [Fact]
    public void A_fresh_console_program_finds_what_is_nearest_in_meaning()
    {
        var folder = Fixture("sentences");
        var reference = Json("sentences/expected.json");
        var lines = Texts(reference["texts"]!).ToList();
        var vectors = reference["vectors"]!.AsArray().Select(v => v!.AsArray().Select(x => (double)x!).ToArray()).ToList();
        var near = lines.Zip(vectors).Where(l => l.First.Length > 0).Select(l => (Likeness: Cosine(l.Second, vectors[2]), Line: l.First))
            .OrderByDescending(l => l.Likeness).Take(3);
        packed.Tt.Write("lines.txt", string.Join('\n', lines));

        var program = packed.Build("SemanticSearch");
        using var search = packed.Tt.StartProgram(Tt.Host, [program, folder, "lines.txt", lines[2]]);

        var expected = near.Select(n => string.Create(CultureInfo.InvariantCulture, $"{n.Likeness:0.000}  {n.Line}"));
        Assert.Equal(expected, search.Ended().Succeeded().Output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_fresh_web_program_answers_with_the_classes_of_texts()
    {
        var texts = Texts(Json("pipelines/expected.json")["texts"]!).ToArray();
        var expected = Json("pipelines/expected.json")["text-classification"]!.AsArray().SelectMany(t => t!.AsArray()).ToList();

        var program = packed.Build("Classification");
        using var web = packed.StartWeb(program, out var client, "--Model", Fixture("pipelines/text-classification"));
        using var _ = client;
        using var response = await client.PostAsJsonAsync("/classify", texts);

        var answer = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonArray>();
        var found = answer!.SelectMany(t => t!.AsArray()).ToList();
        Assert.Equal(expected.Select(e => (string)e!["label"]!), found.Select(f => (string)f!["label"]!));
        Assert.All(expected.Zip(found), pair => Assert.Equal((double)pair.First!["score"]!, (double)pair.Second!["score"]!, 1e-5));
    }

    /// <summary>The program is docs/embedding.md's own, with the model's place put in.</summary>
    [Fact]
    public async Task A_fresh_web_program_with_the_packaged_server_answers_as_the_command_line_does()
    {
        var text = File.ReadAllText(Path.Combine(Packed.Root, "docs", "embedding.md")).Split("\n## A server\n")[1];
        var source = text.Split("```csharp\n")[1].Split("```")[0].Replace("path/to/model", packed.Model, StringComparison.Ordinal);

        var program = packed.BuildWeb("Service", source, "TransformerTorch.Server");
        using var web = packed.StartWeb(program, out var client);
        using var _ = client;
        var body = new { messages = new[] { new { role = "user", content = "Line 7" } }, max_tokens = 20, temperature = 0 };
        using var locked = await client.PostAsJsonAsync("/v1/chat/completions", body);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        using var response = await client.PostAsJsonAsync("/v1/chat/completions", body);

        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, locked.StatusCode);
        var answer = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>();
        Assert.Equal(packed.Answer, (string)answer!["choices"]![0]!["message"]!["content"]!);
    }

    private static double Cosine(double[] a, double[] b)
        => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(y => y * y));

    private static IEnumerable<string> Texts(JsonNode list) => list.AsArray().Select(t => (string)t!);

    private static JsonNode Json(string fixture) => JsonNode.Parse(File.ReadAllText(Fixture(fixture)))!;

    private static string Fixture(string name) => Path.Combine(Packed.Root, "tests", "fixtures", name);

    /// <summary>The packages, made once, in a folder where programs take them from, without network.</summary>
    public sealed class Packed : IDisposable
    {
        public const string Bridge = "TransformerTorch.TorchSharp.0.1.0.nupkg";

        private readonly Tt _training = TinyTraining.Folder();

        public Packed()
        {
            _training.Run("train", "run.yaml", "--set", "model.n_positions=64").Succeeded();
            string[] stops = ["--stop", "\nuser:", "--stop", "\nassistant:"]; // a model without a chat template ends its turn there
            string[] prompt = ["--prompt", "user: Line 7\nassistant:", "--max-new-tokens", "20"];
            Answer = _training.Run(["generate", "--model", Model, .. prompt, .. stops]).Succeeded().Output.TrimEnd('\n');
            Tt.StartProgram("bash", [Path.Combine(Root, "scripts", "pack.sh"), "feed", "--no-build"]).Ended().Succeeded();
            var kept = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
            // Others' packages come from where this repository's own restore has put them; ours are kept apart from all else.
            Tt.Write("nuget.config", $"""
                <configuration>
                  <packageSources><clear /><add key="packed" value="feed" /></packageSources>
                  <fallbackPackageFolders><clear /><add key="kept" value="{kept}" /></fallbackPackageFolders>
                </configuration>
                """);
            Tt.Environment["NUGET_PACKAGES"] = Tt.At("packages");
            var torch = typeof(TorchSharp.torch).Assembly.GetName().Version!.ToString(3);
            if (!HasBridge)
                Tt.Write("Directory.Build.props", $"""
                    <Project><ItemGroup><PackageReference Include="TorchSharp-cpu" Version="{torch}" /></ItemGroup></Project>
                    """);
        }

        public static string Root { get; } = Repository();

        internal Tt Tt { get; } = new();

        public bool HasBridge => File.Exists(Tt.At($"feed/{Bridge}"));

        /// <summary>A small trained model, and what the command line has it answer to "Line 7".</summary>
        public string Model => _training.At("run/model");

        public string Answer { get; }

        public void Dispose()
        {
            Tt.Dispose();
            _training.Dispose();
        }

        public HashSet<string> Files(string package)
        {
            using var archive = ZipFile.OpenRead(Tt.At($"feed/{package}"));
            return [.. archive.Entries.Select(e => e.FullName)];
        }

        public string Read(string package, string file)
        {
            using var archive = ZipFile.OpenRead(Tt.At($"feed/{package}"));
            using var reader = new StreamReader(archive.GetEntry(file)!.Open());
            return reader.ReadToEnd();
        }

        /// <summary>Builds a sample's two files in a folder of their own; the program's path.</summary>
        public string Build(string sample)
        {
            Directory.CreateDirectory(Tt.At(sample));
            foreach (var file in new[] { "Program.cs", $"{sample}.csproj" })
                File.Copy(Path.Combine(Root, "samples", sample, file), Tt.At($"{sample}/{file}"));
            return Compiled(sample);
        }

        /// <summary>Builds a web program of one file that knows nothing but one package.</summary>
        public string BuildWeb(string name, string source, string package)
        {
            Directory.CreateDirectory(Tt.At(name));
            Tt.Write($"{name}/Program.cs", source);
            Tt.Write($"{name}/{name}.csproj", $"""
                <Project Sdk="Microsoft.NET.Sdk.Web">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework><Nullable>enable</Nullable><ImplicitUsings>enable</ImplicitUsings>
                  </PropertyGroup>
                  <ItemGroup><PackageReference Include="{package}" Version="0.1.0" /></ItemGroup>
                </Project>
                """);
            return Compiled(name);
        }

        /// <summary>Starts a web program on a free port, with a client that reaches it.</summary>
        internal Tt.Running StartWeb(string program, out HttpClient client, params string[] arguments)
        {
            Tt.Environment["Logging__Console__LogToStandardErrorThreshold"] = "Trace";
            var web = Tt.StartProgram(Tt.Host, [program, "--urls", "http://127.0.0.1:0", .. arguments]);
            var address = web.WaitFor(line => line.Contains("listening on: ", StringComparison.Ordinal)).Split("on: ")[1];
            client = new HttpClient { BaseAddress = new Uri(address) };
            return web;
        }

        private string Compiled(string name)
        {
            string[] arguments = ["build", name, "-nodeReuse:false", "-p:UseSharedCompilation=false", "-warnaserror", "--tl:off"];
            Tt.StartProgram(Tt.Host, arguments).Ended().Succeeded();
            return Tt.At($"{name}/bin/Debug/net10.0/{name}.dll");
        }

        private static string Repository()
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "TransformerTorch.sln"))) folder = folder.Parent!;
            return folder.FullName;
        }
    }
}
