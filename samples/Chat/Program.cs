// A chat with a model's folder: dotnet run -- path/to/model, then each line of standard input is answered as it is written.
using Microsoft.Extensions.AI;
using TransformerTorch.AI;

await using var model = new ModelSource(new ModelOptions { Model = args[0], MaxOutputTokens = 256 });
using IChatClient client = new TransformerChatClient(model);
var (chat, answer) = (new List<ChatMessage>(), new List<ChatResponseUpdate>());
while (Console.ReadLine() is { } question)
{
    chat.Add(new ChatMessage(ChatRole.User, question));
    answer.Clear();
    await foreach (var update in client.GetStreamingResponseAsync(chat)) { Console.Write(update.Text); answer.Add(update); }
    Console.WriteLine();
    chat.AddMessages(answer);
}
