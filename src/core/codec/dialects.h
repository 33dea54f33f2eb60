// One function per dialect: its codec. Internal to codec/; callers use codec_for().
#pragma once

#include <memory>

#include "core/codec/codec.h"

namespace capsem::codec {

std::unique_ptr<Codec> make_openai_chat();
std::unique_ptr<Codec> make_openai_completions();
std::unique_ptr<Codec> make_openai_responses();
std::unique_ptr<Codec> make_openai_embeddings();
std::unique_ptr<Codec> make_gemini();
std::unique_ptr<Codec> make_gemini_interactions();
std::unique_ptr<Codec> make_anthropic();
std::unique_ptr<Codec> make_anthropic_complete();

}  // namespace capsem::codec
