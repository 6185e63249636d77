namespace TransformerTorch.Tests.Models;

/// <summary>A small configuration of every decoder, with options that its family has and others have not.</summary>
internal static class SmallDecoders
{
    private const string Gpt = "'vocab_size':61, 'n_embd':24, 'n_layer':3, 'n_head':3, 'n_positions':32, 'initializer_range':0.2, "
        + "'resid_pdrop':0, 'embd_pdrop':0, 'attn_pdrop':0, ";

    private const string Common = "'vocab_size':61, 'hidden_size':24, 'intermediate_size':36, 'num_hidden_layers':3, "
        + "'num_attention_heads':6, 'max_position_embeddings':32, 'initializer_range':0.2, 'pad_token_id':null, ";

    private const string Grouped = Common + "'num_key_value_heads':2, ", Sized = Grouped + "'head_dim':8, ";

    /// <summary>The families.</summary>
    public static readonly SmallConfigurations All = new(new()
    {
        ["gpt2"] = Gpt + "'n_inner':40, 'activation_function':'relu', 'scale_attn_by_inverse_layer_idx':true",
        ["openai-gpt"] = Gpt + "'afn':'gelu'",
        ["gpt_neox"] = Common + "'rotary_pct':0.5",
        ["opt"] = Common + "'ffn_dim':36, 'word_embed_proj_dim':18, 'do_layer_norm_before':false, 'init_std':0.2, 'dropout':0",
        ["bloom"] = Common + "'n_layer':3, 'apply_residual_connection_post_layernorm':true",
        ["llama"] = Sized + "'attention_bias':true, 'mlp_bias':true, 'rope_theta':500, 'rope_scaling':{'type':'linear', 'factor':2}",
        ["mistral"] = Grouped + "'sliding_window':4",
        ["mixtral"] = Grouped + "'num_local_experts':4, 'num_experts_per_tok':2, 'output_router_logits':true",
        ["qwen2"] = Grouped + "'use_sliding_window':true, 'sliding_window':3, 'max_window_layers':1",
        ["qwen3"] = Sized + "'attention_bias':true",
        ["gemma"] = Sized + "'attention_bias':true",
        ["gemma2"] = Sized + "'sliding_window':4, 'query_pre_attn_scalar':9",
        ["gemma3_text"] = Sized + "'sliding_window':4, 'sliding_window_pattern':3",
        ["phi"] = Common + "'qk_layernorm':true",
        ["phi3"] = Grouped + "'original_max_position_embeddings':16, 'rope_scaling':{'type':'longrope', 'short_factor':[1,1.5], "
            + "'long_factor':[2,4]}",
        ["smollm3"] = Grouped + "'no_rope_layer_interval':2, 'use_sliding_window':true, 'sliding_window':4",
        ["starcoder2"] = Grouped + "'sliding_window':4",
    });
}
