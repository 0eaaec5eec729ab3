// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>

namespace seabag::cli {

/// What main() of both programs consists of: makes the process safe to work in, runs `body`, and
/// says how it ended.
///
/// Before: standard streams that were closed are opened on /dev/null, so that no file of ours gets
/// their numbers; SIGPIPE
///         and SIGXFSZ are ignored, so that the write says what is wrong. The first SIGINT, SIGTERM
///         or SIGHUP asks `body` to stop, the second ends the process at once.
/// After:  standard output is flushed. An Error goes to standard error as "NAME: TEXT" and "  next:
/// STEP", or with
///         `json` as the last event (cli/json_progress.h).
/// Returns the exit status: what `body` returns, else the Error's code; 128 + N if signal N stopped
/// it; kIo if standard
///         output could not be written.
int run_program(const std::string& name, bool json,
                const std::function<int(const std::stop_token& stop)>& body);

}  // namespace seabag::cli
