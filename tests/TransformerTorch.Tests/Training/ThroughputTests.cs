using System.Text.Json.Nodes;
using TransformerTorch.Models;
using TransformerTorch.Training;

namespace TransformerTorch.Tests.Training;

public sealed class ThroughputTests
{
    // Truth: counted by hand. Six operations for each weight met, 12 C T for a block's attention (Chowdhery et al., 2022, appendix B).
    [Fact]
    public void A_token_meets_the_blocks_and_a_target_the_token_table_too()
    {
        var model = Model("""{"model_type":"gpt2","n_layer":2,"n_head":2,"n_embd":32,"n_positions":64,"vocab_size":300}""");
        const int block = 12 * 32 * 32 + 13 * 32;

        Assert.Equal((6.0 * (2 * block + 2 * 32) + 2 * 12 * 32 * 16, 6.0 * 300 * 32), Throughput.Flops(model, length: 16));
    }

    [Fact]
    public void A_target_of_an_encoder_decoder_meets_the_decoder_in_place_of_the_encoder()
    {
        var model = Model("""
            {"model_type":"t5","vocab_size":61,"d_model":24,"d_kv":5,"d_ff":36,"num_layers":3,"num_decoder_layers":2,"num_heads":3,
             "relative_attention_num_buckets":8,"pad_token_id":0,"decoder_start_token_id":0,"eos_token_id":1}
            """);
        const double attention = 4 * 24 * 15, forward = 2 * 24 * 36, terms = 8 * 3, scores = 12 * 24 * 10;
        const double encoder = 6 * (3 * (attention + forward + 2 * 24) + terms + 24) + 3 * scores;
        const double decoder = 6 * (2 * (2 * attention + forward + 3 * 24) + terms + 24) + 2 * scores;

        Assert.Equal((encoder, decoder - encoder + 6 * 61 * 24), Throughput.Flops(model, length: 10));
    }

    private static PretrainedModel Model(string json)
        => PretrainedModel.Create(ModelConfig.FromKeys((JsonObject)JsonNode.Parse(json)!, "test"));
}
