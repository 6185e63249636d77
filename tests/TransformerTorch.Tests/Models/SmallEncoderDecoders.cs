namespace TransformerTorch.Tests.Models;

/// <summary>A small configuration of every encoder-decoder, its two stacks unlike each other.</summary>
internal static class SmallEncoderDecoders
{
    private const string T5 = "'vocab_size':61, 'd_model':24, 'd_kv':5, 'd_ff':36, 'num_layers':3, 'num_decoder_layers':2, 'num_heads':3, "
        + "'relative_attention_num_buckets':8, 'relative_attention_max_distance':11, 'dropout_rate':0, 'pad_token_id':0, "
        + "'decoder_start_token_id':0, 'eos_token_id':1";

    private const string Bart = "'vocab_size':61, 'd_model':24, 'encoder_layers':2, 'decoder_layers':3, 'encoder_attention_heads':3, "
        + "'decoder_attention_heads':6, 'encoder_ffn_dim':36, 'decoder_ffn_dim':40, 'max_position_embeddings':32, 'init_std':0.2, "
        + "'dropout':0, 'pad_token_id':1, 'decoder_start_token_id':2, 'eos_token_id':2, 'bos_token_id':0, ";

    /// <summary>The families.</summary>
    public static readonly SmallConfigurations All = new(new()
    {
        ["t5"] = T5,
        ["mt5"] = T5 + ", 'feed_forward_proj':'gated-silu'",
        ["umt5"] = T5,
        ["bart"] = Bart + "'scale_embedding':true",
        ["mbart"] = Bart + "'activation_function':'relu'",
        ["pegasus"] = Bart + "'scale_embedding':true",
        ["marian"] = Bart + "'decoder_vocab_size':61, 'share_encoder_decoder_embeddings':false, 'activation_function':'swish'",
        ["transformer"] = Bart + "'scale_embedding':true",
    });
}
