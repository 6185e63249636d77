using TransformerTorch.AI;

namespace TransformerTorch.Server.Tests;

/// <summary>Models are told apart by name: two of one name would shadow each other, so they are refused.</summary>
public sealed class RegistryTests
{
    [Fact]
    public void Two_models_of_one_name_are_refused_with_both_folders_and_the_remedy()
    {
        var runs = Directory.CreateTempSubdirectory("transformertorch-");
        string[] folders = [Path.Combine(runs.FullName, "a", "model"), Path.Combine(runs.FullName, "b", "model")];
        foreach (var folder in folders) Directory.CreateDirectory(folder); // as training leaves them

        var error = Assert.Throws<ArgumentException>(() => Registry("", ""));
        _ = Registry("", "other");

        Assert.Equal($"{folders[0]} and {folders[1]} have one name, 'model': give one another, as ModelOptions.Name", error.Message);
        runs.Delete(recursive: true);

        ModelRegistry Registry(params string[] names)
            => new([.. folders.Zip(names, (folder, name) => new ModelSource(new ModelOptions { Model = folder, Name = name }))]);
    }
}
