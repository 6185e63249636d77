// An endpoint that classifies: dotnet run -- --Model path/to/classifier, then
// curl localhost:5000/classify -H 'Content-Type: application/json' -d '["I like it", "I do not"]'
using TransformerTorch.Pipelines;

var builder = WebApplication.CreateBuilder(args);
var folder = builder.Configuration["Model"] ?? throw new InvalidOperationException("--Model names the classifier's folder");
using var classifier = TextClassification.Load(folder);
var app = builder.Build();
app.MapPost("/classify", (string[] texts) => classifier.Run(texts));
app.Run();
