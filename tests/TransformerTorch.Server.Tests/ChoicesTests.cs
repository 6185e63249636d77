using System.Runtime.CompilerServices;
using TransformerTorch.AI;
using TransformerTorch.Server.OpenAI;

namespace TransformerTorch.Server.Tests;

/// <summary>Several answers to one request. Truth: what fails is told, whatever the others do.</summary>
public sealed class ChoicesTests
{
    private bool _stopped;

    [Fact]
    public async Task One_answers_failure_is_told_at_once_and_stops_the_others()
    {
        var failing = Failing(new InvalidOperationException("no"));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => Read(Patient(), failing));

        Assert.Equal("no", error.Message);
        Assert.True(_stopped);
    }

    [Fact]
    public async Task An_answer_that_is_cancelled_is_no_answer()
        => await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Read(Whole(), Failing(new OperationCanceledException())));

    [Fact]
    public async Task Whole_answers_come_with_their_numbers() => Assert.Equal([0, 1], (await Read(Whole(), Whole())).Order());

    private static async Task<List<int>> Read(params IAsyncEnumerable<ChatPiece>[] answers)
    {
        var indices = new List<int>();
        await foreach (var (index, _) in Choices.Merge(answers, default)) indices.Add(index);
        return indices;
    }

    private async IAsyncEnumerable<ChatPiece> Patient([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(20), cancellation);
        }
        catch (OperationCanceledException)
        {
            _stopped = true;
            throw;
        }
        yield return new ChatPiece();
    }

    private static async IAsyncEnumerable<ChatPiece> Whole()
    {
        await Task.Yield();
        yield return new ChatPiece { Finish = ChatFinish.Stop };
    }

    private static async IAsyncEnumerable<ChatPiece> Failing(Exception error)
    {
        await Task.Yield();
        if (error.Message.Length >= 0) throw error;
        yield break;
    }
}
