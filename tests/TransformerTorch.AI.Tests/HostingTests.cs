using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using TransformerTorch.AI.Tests.Support;

namespace TransformerTorch.AI.Tests;

/// <summary>Truth: what .NET's host does with services of this kind.</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task Models_come_from_configuration_keyed_and_plain_are_healthy_once_started_and_drained_at_the_end()
    {
        using var folder = new SmallModel();
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["TransformerTorch:Model"] = folder.Root, ["TransformerTorch:Name"] = "small", ["Embedder:Model"] = SmallModel.Sentences,
        });
        builder.Services.AddTransformerTorch(builder.Configuration.GetSection(ServiceCollectionExtensions.SectionName));
        builder.Services.AddKeyedTransformerTorch("sentences", builder.Configuration.GetSection("Embedder"));
        using var host = builder.Build();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);

        await host.StartAsync();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync()).Status);
        var client = host.Services.GetRequiredService<IChatClient>();
        var generator = host.Services.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("sentences");
        Assert.Single(await generator.GenerateAsync(["text"]));
        var answer = client.GetResponseAsync([new(ChatRole.User, "Hello")], new ChatOptions { MaxOutputTokens = 100, Temperature = 0 });
        await Task.Delay(50); // under way
        await host.StopAsync();

        Assert.Equal("small", (await answer).ModelId); // finished, not cut off
        await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => client.GetResponseAsync([new(ChatRole.User, "Too late")]));
    }

    [Fact]
    public async Task A_model_that_is_added_twice_is_one_with_the_later_options()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddTransformerTorch(options => (options.Model, options.MaxSequences) = ("not to be loaded", 3));
        builder.Services.AddTransformerTorch(options => options.Model = SmallModel.Sentences);
        foreach (var name in new[] { "first", "second" })
            builder.Services.AddKeyedTransformerTorch("key", options => (options.Model, options.Name) = (SmallModel.Sentences, name));
        using var host = builder.Build();
        await host.StartAsync();

        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

        Assert.Equal(HealthStatus.Healthy, report.Status);
        Assert.Equal(["model", "model key"], report.Entries.Keys.Order());
        Assert.Equal(2, host.Services.GetServices<IHostedService>().OfType<ModelLoader>().Count());
        Assert.Equal(3, host.Services.GetRequiredService<ModelSource>().Options.MaxSequences);
        Assert.Equal("second", host.Services.GetRequiredKeyedService<ModelSource>("key").Ready!.Name);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_folder_that_asks_for_beams_is_served_without()
    {
        using var folder = new SmallModel();
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "generation_config.json"), """{"num_beams":3,"num_return_sequences":2}""");
        await using var source = new ModelSource(new ModelOptions { Model = folder.Root });
        using var client = new TransformerChatClient(source);

        Assert.NotEmpty((await client.GetResponseAsync("Hello", new ChatOptions { MaxOutputTokens = 4 })).Text);
    }

    [Fact]
    public async Task An_embedder_answers_those_who_wait_refuses_more_and_whoever_comes_when_it_is_gone()
    {
        await using var model = await ServedModel.LoadAsync(new ModelOptions { Model = SmallModel.Sentences, MaxWaiting = 1 });
        await model.Turn.WaitAsync(); // as if one were under way
        var (first, second) = (model.EmbedAsync(["dog"]), model.EmbedAsync(["cat"]));
        await Assert.ThrowsAsync<Generation.Batching.EngineBusyException>(() => model.EmbedAsync(["too much"]));
        var drained = model.DrainAsync();
        Assert.False(drained.IsCompleted);
        model.Turn.Release();

        await drained;
        Assert.NotEqual((await first).Vectors[0], (await second).Vectors[0]);
        await model.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.EmbedAsync(["too late"]));
    }

    [Theory]
    [InlineData("Model", "", "Model is missing")]
    [InlineData("MaxSequences", "0", "MaxSequences is not within 1 to 4096")]
    [InlineData("Type", "int3", "Type is none of float32, bfloat16, float16")]
    [InlineData("DrainTimeout", "-00:00:01", "DrainTimeout is negative")]
    public async Task Wrong_options_fail_the_start_by_name(string key, string value, string message)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["M:Model"] = "x", [$"M:{key}"] = value });
        builder.Services.AddTransformerTorch(builder.Configuration.GetSection("M"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_vanishes_fails_the_start_and_harms_no_model_that_is_loaded()
    {
        var folder = new SmallModel();
        await using var model = await ServedModel.LoadAsync(folder.Root);
        using var client = new TransformerChatClient(new ModelSource(model));
        folder.Dispose();

        Assert.NotEmpty((await client.GetResponseAsync([new(ChatRole.User, "Still here?")], new ChatOptions { MaxOutputTokens = 5 })).Text);
        await using var gone = new ModelSource(new ModelOptions { Model = folder.Root });
        await Assert.ThrowsAnyAsync<Exception>(() => gone.GetAsync());
        Assert.NotNull(gone.Failure);
    }

    [Fact]
    public async Task Traces_and_figures_bear_the_names_of_opentelemetrys_conventions()
    {
        using var folder = new SmallModel();
        await using var model = await ServedModel.LoadAsync(new ModelOptions { Model = folder.Root, Name = "traced" });
        var (activities, measured) = (new List<Activity>(), new HashSet<string>());
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                lock (activities) activities.Add(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == Telemetry.SourceName) l.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, _, _, _) => Note(instrument));
        meters.SetMeasurementEventCallback<long>((instrument, _, _, _) => Note(instrument));
        meters.Start();

        using var client = new TransformerChatClient(new ModelSource(model));
        await client.GetResponseAsync([new(ChatRole.User, "secret words")], new ChatOptions { MaxOutputTokens = 4, Seed = 9 });

        var chat = activities.Single(a => a.DisplayName == "chat traced");
        Assert.Equal("chat", chat.GetTagItem("gen_ai.operation.name"));
        Assert.Equal(9L, chat.GetTagItem("gen_ai.request.seed"));
        Assert.Equal(4, chat.GetTagItem("gen_ai.usage.output_tokens"));
        Assert.DoesNotContain(chat.TagObjects, t => $"{t.Value}".Contains("secret", StringComparison.Ordinal));
        string[] names =
        [
            "gen_ai.client.operation.duration", "gen_ai.client.operation.time_per_output_chunk",
            "gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.token.usage",
            "gen_ai.server.request.duration", "gen_ai.server.time_per_output_token", "gen_ai.server.time_to_first_token",
        ];
        Assert.Superset(names.ToHashSet(), measured);

        void Note(Instrument instrument)
        {
            lock (measured) measured.Add(instrument.Name);
        }
    }
}
