namespace TransformerTorch.Tests.Models;

/// <summary>A small configuration of every encoder, with options that its family has and others have not.</summary>
internal static class SmallEncoders
{
    private const string Masked = "'architectures':['XForMaskedLM'], ";

    private const string Common = Masked + "'vocab_size':61, 'hidden_size':24, 'intermediate_size':36, 'num_hidden_layers':3, "
        + "'num_attention_heads':6, 'max_position_embeddings':32, 'initializer_range':0.2, 'pad_token_id':1, "
        + "'hidden_dropout_prob':0, 'attention_probs_dropout_prob':0";

    private const string Relative = Common + ", 'relative_attention':true, 'position_buckets':4, 'position_biased_input':false, "
        + "'norm_rel_ebd':'layer_norm', 'pos_att_type':'p2c|c2p'";

    /// <summary>The families, some of them in two kinds.</summary>
    public static readonly SmallConfigurations All = new(new()
    {
        ["bert"] = Common,
        ["roberta"] = Common,
        ["xlm-roberta"] = Common + ", 'type_vocab_size':1",
        ["camembert"] = Common + ", 'hidden_act':'relu'",
        ["distilbert"] = Masked + "'vocab_size':61, 'dim':24, 'hidden_dim':36, 'n_layers':3, 'n_heads':6, 'max_position_embeddings':32, "
            + "'initializer_range':0.2, 'pad_token_id':1, 'dropout':0, 'attention_dropout':0",
        ["mpnet"] = Common,
        ["electra"] = Common + ", 'embedding_size':16",
        ["deberta-v2"] = Relative + ", 'share_att_key':true",
        ["deberta-v2, own projections"] = Relative + ", 'type_vocab_size':2",
        ["modernbert"] = Common + ", 'local_attention':6, 'global_attn_every_n_layers':2",
        ["esm"] = Common + ", 'position_embedding_type':'rotary', 'token_dropout':true, 'mask_token_id':60",
        ["esm, learned positions"] = Common + ", 'emb_layer_norm_before':true",
    });

    /// <summary>Those whose positions count places, padding at the beginning included, as their reference does.</summary>
    public static bool CountsPlaces(string name) => name is "bert" or "distilbert" or "electra";
}
