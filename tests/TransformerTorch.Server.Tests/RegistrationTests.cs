using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace TransformerTorch.Server.Tests;

/// <summary>The server as services. Truth: what .NET's own services do when they are added again.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task A_server_that_is_added_twice_is_one_with_the_later_options()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddModelServer(options => (options.MaxChoices, options.MaxInputs) = (3, 5));
        builder.Services.AddModelServer(options => options.MaxInputs = 7);
        await using var app = builder.Build();

        var report = await app.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

        Assert.Equal("models", Assert.Single(report.Entries).Key);
        Assert.Single(app.Services.GetServices<ModelRegistry>());
        var options = app.Services.GetServices<ServerOptions>().Single();
        Assert.Equal((3, 7), (options.MaxChoices, options.MaxInputs));
    }
}
