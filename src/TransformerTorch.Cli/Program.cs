using TransformerTorch.Cli;

// A command is a file: it parses, calls the engine, prints. Add it to this list.
return await CommandLine.Run(args,
[
    TrainCommand.Create(),
    EvalCommand.Create(),
    GenerateCommand.Create(),
    PredictCommand.Create(),
    ChatCommand.Create(),
    ServeCommand.Create(),
    VerifyCommand.Create(),
    TokenizerCommand.Create(),
    InspectCommand.Create(),
    ConvertCommand.Create(),
    ConfigCommand.Create(),
    BenchCommand.Create(),
    DoctorCommand.Create(),
    TestCommand.Create(),
]);
