#include "attention_codes.cuh"
