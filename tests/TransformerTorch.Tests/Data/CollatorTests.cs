using FsCheck;
using FsCheck.Xunit;
using TransformerTorch.Data;
using TransformerTorch.Data.Collators;
using TransformerTorch.Tests.Support;

namespace TransformerTorch.Tests.Data;

/// <summary>Truth: batches worked out by hand, the formulas of the papers' own code, and what must hold for any text.</summary>
public sealed class CollatorTests
{
    private const int Mask = 99, Padding = 0;
    private static readonly MaskTokens _tokens = new(Mask, 50, new HashSet<int> { 0, 1, Mask });

    [Theory]
    // t5's random_spans_helper for inputs of 512 and 114 tokens, and what its gin files name; 0.5 is its special case.
    [InlineData(512, 0.15, 3.0, 568, 114)]
    [InlineData(114, 0.15, 3.0, 126, 26)]
    [InlineData(256, 0.15, 3.0, 284, 58)]
    [InlineData(512, 0.5, 3.0, 766, 512)]
    public void Span_corruption_lengths_are_those_of_the_reference(int inputs, double density, double mean, int tokens, int targets)
        => Assert.Equal((tokens, targets), new SpanCorruption(density, mean).Lengths(inputs));

    [Property(MaxTest = 200)]
    public void Windows_of_the_reference_length_fill_the_inputs_exactly_and_restore_to_the_text(PositiveInt size, PositiveInt seed)
    {
        var (corruption, length) = (new SpanCorruption(0.15, 3), 16 + size.Get % 500);
        var (tokens, targets) = corruption.Lengths(length);
        int[] text = [.. Enumerable.Range(1000, tokens)];
        int[] sentinels = [.. Enumerable.Range(0, corruption.Spans(tokens)).Select(i => -1 - i)];

        var batch = new SpanCorruptionCollator(corruption, sentinels, end: 7, padding: 0).Collate([new(text)], SplitMix.Of(seed.Get));

        var (read, labels) = (batch[Batch.Names.InputIds].Integers, batch[Batch.Names.Labels].Integers);
        Assert.Equal(corruption.Corrupted(tokens).Inputs, read.Length);
        Assert.True(corruption.Corrupted(tokens + 1).Inputs > length && read.Length <= length);
        Assert.Equal((targets, 7L, 7L), (labels.Length, read[^1], labels[^1]));
        Assert.Equal(text.Select(id => (long)id), Restored(read[..^1], labels[..^1]));
    }

    [Fact]
    public void A_corrupted_text_is_as_the_paper_shows_it()
    {
        // "Thank you for inviting me to your party last week" with "for inviting" and "last" cut out.
        int[] text = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        bool[] mask = [false, false, true, true, false, false, false, false, true, false];

        Assert.Equal([1, 2, -1, 5, 6, 7, 8, -2, 10], SpanCorruption.WithSentinels(text, mask, where: true, [-1, -2, -3]));
        Assert.Equal([-1, 3, 4, -2, 9, -3], SpanCorruption.WithSentinels(text, mask, where: false, [-1, -2, -3]));
    }

    [Property(MaxTest = 200)]
    public void Noise_is_the_asked_share_in_the_asked_number_of_spans(PositiveInt size, PositiveInt seed)
    {
        var length = 2 + size.Get % 400;
        var mask = new SpanCorruption(0.15, 3).NoiseMask(length, SplitMix.Of(seed.Get));

        var noise = Math.Clamp((int)Math.Round(length * 0.15), 1, length - 1);
        Assert.Equal(noise, mask.Count(m => m));
        Assert.Equal(new SpanCorruption(0.15, 3).Spans(length), mask.Where((m, i) => m && (i == 0 || !mask[i - 1])).Count());
        Assert.False(mask[0]);
        Assert.True(mask[^1]);
    }

    [Fact]
    public void Masks_fall_as_often_as_asked_and_labels_hold_what_they_hide()
    {
        var (masking, random) = (new Masking(), SplitMix.Of(3));
        var (chosen, hidden, other, kept, total) = (0, 0, 0, 0, 200 * 500);
        for (var row = 0; row < 200; row++)
        {
            int[] text = [.. Enumerable.Range(0, 500).Select(_ => 2 + random.Below(48))], ids = [.. text];
            var labels = masking.Replace(ids, masking.Choose([], ids.Length, random), _tokens, random);
            for (var i = 0; i < ids.Length; i++)
            {
                if (labels[i] == -100) { Assert.Equal(text[i], ids[i]); continue; }
                Assert.Equal(text[i], labels[i]);
                chosen++;
                if (ids[i] == Mask) hidden++; else if (ids[i] != text[i]) other++; else kept++;
                Assert.True(ids[i] is not (0 or 1));
            }
        }
        // Five standard deviations of each count. A random token is the one it replaces once in 48 times.
        Assert.InRange(chosen / (double)total, 0.144, 0.156);
        Assert.InRange(hidden / (double)chosen, 0.784, 0.816);
        Assert.InRange(other / (double)chosen, 0.1 * 47 / 48 - 0.012, 0.1 * 47 / 48 + 0.012);
    }

    [Property(MaxTest = 200)]
    public void Whole_words_and_spans_are_hidden_whole_and_no_more_than_the_share(PositiveInt seed, bool spans)
    {
        var random = SplitMix.Of(seed.Get);
        int[] starts = [.. Enumerable.Range(0, 100).Select(_ => random.Below(2))];
        var masking = new Masking { Unit = spans ? MaskingUnit.Span : MaskingUnit.WholeWord, MaxSpanLength = 4 };

        var groups = masking.Choose(starts, 100, random);

        Assert.NotEmpty(groups);
        Assert.True(groups.Count == 1 || groups.Sum(g => g.Length) <= 15);
        var chosen = groups.SelectMany(g => g).ToHashSet();
        Assert.Equal(groups.Sum(g => g.Length), chosen.Count);
        for (var i = 1; i < 100; i++)
            if (starts[i] == 0) Assert.Equal(chosen.Contains(i - 1), chosen.Contains(i));     // a word's tokens go together
        Assert.All(groups, group => Assert.Equal(group.Length - 1, group[^1] - group[0]));    // in a row
        Assert.All(groups, group => Assert.True(group.Skip(1).Count(i => starts[i] == 1) < (spans ? 4 : 1)));
    }

    [Theory]
    [InlineData(MaskingUnit.Token)]
    [InlineData(MaskingUnit.WholeWord)]
    [InlineData(MaskingUnit.Span)]
    public void A_text_of_unknown_tokens_alone_has_nothing_to_hide(MaskingUnit unit)
    {
        const int unknown = 7;
        var tokens = new MaskTokens(Mask, 50, new HashSet<int> { unknown });
        var collator = new MaskedCollator(new() { Unit = unit, MlmProbability = 1 }, tokens, new(), Padding);
        Example Text(params int[] ids) => new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = ids, [MaskedCollator.WordStarts] = [.. ids.Select(_ => 1)],
        });

        var batch = collator.Collate([Text(unknown, unknown), Text(8, unknown)], SplitMix.Of(1));

        Assert.Equal([-100, -100, 8, -100], batch[Batch.Names.Labels].Integers);
        Assert.Equal([unknown, unknown], batch[Batch.Names.InputIds].Integers[..2]);
        Assert.Equal(1, batch.TargetCount);
    }

    [Fact]
    public void A_pair_is_framed_typed_and_padded_and_frames_are_never_hidden()
    {
        var framing = new Framing(Fixtures.Tokenizer("bert-uncased"));
        var collator = new MaskedCollator(new() { MlmProbability = 1, MaskReplaceProb = 1, RandomReplaceProb = 0 },
            new(Mask, 1000, new HashSet<int> { 0 }), framing, Padding);
        Example Pair(int[] ids, int second) => new(new Dictionary<string, int[]>
        {
            [Batch.Names.InputIds] = ids, [MaskedCollator.Second] = [second], [Batch.Names.NextSentenceLabel] = [second % 2],
        });
        var (cls, sep) = (framing.One([]).Ids[0], framing.One([]).Ids[1]);

        var batch = collator.Collate([Pair([11, 12, 13], 2), Pair([14, 15], 1)], SplitMix.Of(1));

        Assert.Equal([cls, Mask, Mask, sep, Mask, sep, cls, Mask, sep, Mask, sep, 0], batch[Batch.Names.InputIds].Integers);
        Assert.Equal([-100, 11, 12, -100, 13, -100, -100, 14, -100, 15, -100, -100], batch[Batch.Names.Labels].Integers);
        Assert.Equal([0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0], batch[Batch.Names.TokenTypeIds].Integers);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], batch[Batch.Names.AttentionMask].Integers);
        Assert.Equal([0L, 1], batch[Batch.Names.NextSentenceLabel].Integers);
        Assert.Equal((5, 11, 2), (batch.TargetCount, batch.TokenCount, batch.TargetsOf("next_sentence")));
    }

    [Property(MaxTest = 200)]
    public void Infilling_hides_the_asked_share_and_leaves_the_rest_in_order(PositiveInt seed, PositiveInt size)
    {
        int[] text = [.. Enumerable.Range(1000, 1 + size.Get % 200)];
        var noised = new Denoising { PermuteSentenceRatio = 0 }.Apply(text, [], Mask, SplitMix.Of(seed.Get));

        var kept = noised.Where(id => id != Mask).ToList();
        Assert.Equal(kept.Order(), kept);
        Assert.InRange(text.Length - kept.Count, 0, (int)Math.Round(text.Length * 0.3));
        Assert.DoesNotContain(noised.Zip(noised.Skip(1)), pair => pair is (Mask, Mask));     // one mask a span, spans apart
    }

    [Fact]
    public void Spans_are_of_poisson_lengths_and_cover_three_tenths()
    {
        int[] text = [.. Enumerable.Range(1000, 512)];
        var (covered, spans) = (0, 0);
        for (var seed = 0; seed < 200; seed++)
        {
            var noised = new Denoising { PermuteSentenceRatio = 0 }.Apply(text, [], Mask, SplitMix.Of(seed));
            covered += 512 - noised.Count(id => id != Mask);
            spans += noised.Count(id => id == Mask);
        }
        Assert.InRange(covered / (200 * 512.0), 0.295, 0.305);
        Assert.InRange(covered / (double)spans, 2.85, 3.05);    // the last of a text is cut to fit
    }

    [Property(MaxTest = 100)]
    public void Permuting_and_rotating_lose_no_token_and_keep_sentences_whole(PositiveInt seed)
    {
        var random = SplitMix.Of(seed.Get);
        int[] text = [.. Enumerable.Range(0, 40)], starts = [.. text.Select(i => i % 5 == 0 ? 1 : 0)];

        var permuted = new Denoising { MaskRatio = 0 }.Apply(text, starts, Mask, random);
        var rotated = new Denoising { MaskRatio = 0, PermuteSentenceRatio = 0, RotateRatio = 1 }.Apply(text, starts, Mask, random);

        Assert.Equal(text, permuted.Order());
        Assert.All(Enumerable.Range(0, 40).Where(i => i % 5 != 0), i => Assert.Equal(permuted[i - 1] + 1, permuted[i]));
        Assert.All(Enumerable.Range(0, 40), i => Assert.Equal((rotated[0] + i) % 40, rotated[i]));
        Assert.NotEqual(0, rotated[0]);
    }

    [Fact]
    public void Deleting_and_masking_take_their_shares()
    {
        int[] text = [.. Enumerable.Range(1000, 20_000)];
        var nothing = new Denoising { MaskRatio = 0, PermuteSentenceRatio = 0 };

        Assert.InRange((nothing with { DeleteRatio = 0.2 }).Apply(text, [], Mask, SplitMix.Of(1)).Length, 15_700, 16_300);
        Assert.InRange((nothing with { TokenMaskRatio = 0.2 }).Apply(text, [], Mask, SplitMix.Of(1)).Count(id => id == Mask), 3_700, 4_300);
    }

    [Fact]
    public void Labels_are_padded_beside_tokens_and_fractions_keep_their_bits()
    {
        Example Of(int[] ids, int[] labels) => new(new Dictionary<string, int[]> { ["input_ids"] = ids, ["labels"] = labels });
        int Bits(float value) => BitConverter.SingleToInt32Bits(value);

        var tokens = new PaddingCollator(LabelKind.Tokens, 9, multipleOf: 4).Collate([Of([1, 2], [-100, 5]), Of([3], [4])], SplitMix.Of(0));
        var values = new PaddingCollator(LabelKind.Values, 9).Collate([Of([1], [Bits(0.5f), Bits(-2)]), Of([3], [0, 0])], SplitMix.Of(0));

        Assert.Equal([1, 2, 9, 9, 3, 9, 9, 9], tokens[Batch.Names.InputIds].Integers);
        Assert.Equal([-100, 5, -100, -100, 4, -100, -100, -100], tokens[Batch.Names.Labels].Integers);
        Assert.Equal([1, 1, 0, 0, 1, 0, 0, 0], tokens[Batch.Names.AttentionMask].Integers);
        Assert.Equal(2, tokens.TargetCount);
        Assert.Equal([0.5f, -2f, 0f, 0f], (float[])values[Batch.Names.Labels].Values);
        Assert.Equal([2L, 2], values[Batch.Names.Labels].Shape);
    }

    private static IEnumerable<long> Restored(long[] read, long[] written)
    {
        foreach (var id in read)
        {
            if (id >= 0) { yield return id; continue; }
            foreach (var hidden in written.SkipWhile(w => w != id).Skip(1).TakeWhile(w => w >= 0)) yield return hidden;
        }
    }
}
