// The lines of a file that mean most nearly what is asked: dotnet run -- path/to/model FILE QUESTION
using Microsoft.Extensions.AI;
using TransformerTorch.AI;

await using var model = new ModelSource(new ModelOptions { Model = args[0] });
using IEmbeddingGenerator<string, Embedding<float>> generator = new TransformerEmbeddingGenerator(model);
var lines = (await File.ReadAllLinesAsync(args[1])).Where(line => line.Length > 0).ToArray();
var found = await generator.GenerateAndZipAsync(lines);
var asked = await generator.GenerateVectorAsync(args[2]);
foreach (var (likeness, line) in found.Select(f => (Cosine(f.Embedding.Vector, asked), f.Value)).OrderByDescending(l => l).Take(3))
    Console.WriteLine($"{likeness:0.000}  {line}");

static double Cosine(ReadOnlyMemory<float> a, ReadOnlyMemory<float> b)
{
    var (ab, aa, bb) = (0.0, 0.0, 0.0);
    foreach (var (x, y) in a.ToArray().Zip(b.ToArray())) (ab, aa, bb) = (ab + (x * y), aa + (x * x), bb + (y * y));
    return ab / Math.Sqrt(aa * bb);
}
