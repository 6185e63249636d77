namespace TransformerTorch.Training.Metrics;

/// <summary>
/// Takes endings off English words (Porter, 1980, "An algorithm for suffix stripping"), with the departures that NLTK's stemmer has by
/// default, which rouge_score uses.
/// </summary>
internal static class PorterStemmer
{
    private static readonly Dictionary<string, string> s_irregular = new()
    {
        ["sky"] = "sky", ["skies"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["news"] = "news",
        ["innings"] = "inning", ["inning"] = "inning", ["outings"] = "outing", ["outing"] = "outing", ["cannings"] = "canning",
        ["canning"] = "canning", ["howe"] = "howe", ["proceed"] = "proceed", ["exceed"] = "exceed", ["succeed"] = "succeed",
    };

    // Ending and what takes its place, where the stem before it is long enough (m > 0; in the fourth step m > 1). The first that fits.
    private static readonly (string Ending, string Instead)[] s_second =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"),
        ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"),
        ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Ending, string Instead)[] s_third =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] s_fourth =
    [
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous",
        "ive", "ize",
    ];

    /// <summary>The stem of a word in lower case.</summary>
    public static string Stem(string word)
    {
        if (s_irregular.TryGetValue(word, out var known)) return known;
        if (word.Length <= 2) return word;
        word = Plural(word);
        word = Past(word);
        if (word.EndsWith('y') && word.Length > 2 && IsConsonant(word, word.Length - 2)) word = word[..^1] + "i";
        word = Second(word);
        word = Replaced(word, s_third);
        word = Fourth(word);
        return Tidy(word);
    }

    private static string Plural(string word)
    {
        if (Ends(word, "ies")) return word.Length == 4 ? word[..^1] : word[..^2];
        return Ends(word, "sses") ? word[..^2] : Ends(word, "ss") || !Ends(word, "s") ? word : word[..^1];
    }

    private static string Past(string word)
    {
        if (Ends(word, "ied")) return word.Length == 4 ? word[..^1] : word[..^2];
        if (Ends(word, "eed")) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        var stem = Ends(word, "ed") && HasVowel(word[..^2]) ? word[..^2] : Ends(word, "ing") && HasVowel(word[..^3]) ? word[..^3] : null;
        if (stem is null) return word;
        if (Ends(stem, "at") || Ends(stem, "bl") || Ends(stem, "iz")) return stem + "e";
        if (stem.Length >= 2 && stem[^1] == stem[^2] && IsConsonant(stem, stem.Length - 1))
            return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
        return Measure(stem) == 1 && IsShort(stem) ? stem + "e" : stem;
    }

    private static string Second(string word)
    {
        if (Ends(word, "alli") && Measure(word[..^4]) > 0) return Second(word[..^2]);
        if (!s_second.Any(rule => Ends(word, rule.Ending)) && Ends(word, "logi")) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        return Replaced(word, s_second);
    }

    private static string Replaced(string word, (string Ending, string Instead)[] rules)
    {
        foreach (var (ending, instead) in rules)
        {
            if (!Ends(word, ending)) continue;
            var stem = word[..^ending.Length];
            return Measure(stem) > 0 ? stem + instead : word;
        }
        return word;
    }

    private static string Fourth(string word)
    {
        var ending = s_fourth.FirstOrDefault(e => Ends(word, e));
        if (ending is null) return word;
        var stem = word[..^ending.Length];
        return Measure(stem) > 1 && (ending != "ion" || stem[^1] is 's' or 't') ? stem : word;
    }

    private static string Tidy(string word)
    {
        if (word.EndsWith('e') && (Measure(word[..^1]), word[..^1]) is var (m, stem) && (m > 1 || (m == 1 && !IsShort(stem)))) word = stem;
        return Ends(word, "ll") && Measure(word[..^1]) > 1 ? word[..^1] : word;
    }

    /// <summary>Ends consonant, vowel, consonant other than w, x, y; or is a vowel and a consonant.</summary>
    private static bool IsShort(string stem) => stem.Length switch
    {
        2 => !IsConsonant(stem, 0) && IsConsonant(stem, 1),
        > 2 => IsConsonant(stem, stem.Length - 3) && !IsConsonant(stem, stem.Length - 2) && IsConsonant(stem, stem.Length - 1)
            && stem[^1] is not ('w' or 'x' or 'y'),
        _ => false,
    };

    /// <summary>How often a vowel is followed by a consonant.</summary>
    private static int Measure(string stem)
        => Enumerable.Range(1, Math.Max(0, stem.Length - 1)).Count(i => !IsConsonant(stem, i - 1) && IsConsonant(stem, i));

    private static bool HasVowel(string stem) => Enumerable.Range(0, stem.Length).Any(i => !IsConsonant(stem, i));

    // y is one after a vowel and at the beginning.
    private static bool IsConsonant(string word, int at) => word[at] switch
    {
        'a' or 'e' or 'i' or 'o' or 'u' => false,
        'y' => at == 0 || !IsConsonant(word, at - 1),
        _ => true,
    };

    private static bool Ends(string word, string ending) => word.EndsWith(ending, StringComparison.Ordinal);
}
