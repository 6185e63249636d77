using TransformerTorch.Configuration;

namespace TransformerTorch.Training;

/// <content>Keys of Transformers' TrainingArguments and of axolotl's files that have no counterpart here.</content>
[Needless("every run leaves metrics.jsonl, TensorBoard events, loss.svg and report.html in output_dir",
    "report_to", "logging_dir", "use_tensorboard", "wandb_project", "wandb_entity", "wandb_watch", "wandb_name", "wandb_run_id",
    "wandb_log_model", "run_name")]
[Needless("it is given on the command line: --resume, or --resume CHECKPOINT", "resume_from_checkpoint", "auto_resume_from_checkpoints")]
[Needless("the fastest kernels are taken by themselves; --verbose says which attention runs",
    "attn_implementation", "flash_attention", "xformers_attention", "sdp_attention", "eager_attention", "flex_attention",
    "torch_compile", "use_liger_kernel", "liger_rope", "liger_rms_norm", "liger_glu_activation", "liger_fused_linear_cross_entropy")]
[Needless("weights are trained in 16 or 32 bits; for use they can be packed: tt generate --quantize int8",
    "load_in_8bit", "load_in_4bit", "quantization_config")]
[Needless("a run is one process on one device", "deepspeed", "fsdp", "fsdp_config", "ddp_backend", "ddp_find_unused_parameters",
    "ddp_timeout", "average_tokens_across_devices")]
[Needless("what an earlier run left in output_dir is moved into earlier-N", "overwrite_output_dir")]
[Needless("training, evaluation and a check of every key are always done", "do_train", "do_eval", "strict")]
[Needless("config.json and tokenizer.json say it, and no code is loaded from them", "tokenizer_type", "model_type", "trust_remote_code",
    "is_llama_derived_model", "tokenizer_use_fast")]
[Needless("batches go from pinned memory, whole, with the columns that the objective names",
    "dataloader_pin_memory", "dataloader_drop_last", "remove_unused_columns", "group_by_length_column_name")]
[Needless("nothing is uploaded; `model/` is a folder of the published layout", "push_to_hub", "hub_model_id", "hub_strategy")]
[Needless("there are no plugins", "plugins")]
public sealed partial record RunConfig;
