namespace TransformerTorch.Configuration;

/// <summary>
/// A configuration record that can tell what is contradictory in itself. Called once every value of the record has its type and range.
/// </summary>
public interface IValidated
{
    /// <summary>
    /// What is wrong: the key that is to blame (a path from this record, <c>"warmup_steps"</c> or <c>"data.path"</c>; C# names do as well)
    /// and a message that says what to do. The reader adds file, line and column.
    /// </summary>
    IEnumerable<(string Key, string Message)> Validate();
}
