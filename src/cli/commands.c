#include "commands.h"

#include "command_check.h"
#include "command_evaluate.h"
#include "command_export.h"
#include "command_generate.h"
#include "command_import.h"
#include "command_inspect.h"
#include "command_report.h"
#include "command_train.h"

const struct command commands[] = {
    {
        .settings = SETTINGS_TRAIN,
        .synopsis = "[OPTIONS]",
        .summary = "train a model on a text; what lstm_mpi does without a command",
        .description =
            "Trains a language model on a text, on all ranks that mpirun or srun started. Everything "
            "that the run writes is in its run directory: checkpoint.h5, the newest complete "
            "checkpoint, and metrics.h5, the history.",
        .example = "mpirun -np 8 lstm_mpi train --corpus novel.txt --run-dir runs/novel",
        .stops_on_signals = true,
        .run = command_train,
    },
    {
        .settings = SETTINGS_GENERATE,
        .synopsis = "--checkpoint FILE [OPTIONS]",
        .summary = "let a trained model write",
        .description =
            "Prints a prefix, and then character by character what the model of a checkpoint makes "
            "of it.",
        .example = "lstm_mpi generate --checkpoint runs/novel/checkpoint.h5 --prefix 我有一剑",
        .run = command_generate,
    },
    {
        .settings = SETTINGS_EVALUATE,
        .synopsis = "--checkpoint FILE [--corpus FILE] [OPTIONS]",
        .summary = "measure how likely a trained model finds a text",
        .description = "Prints the perplexity of a text under the model of a checkpoint, and its bits per "
                       "character, on all ranks together. The text may be of any length; it is cut into "
                       "--batch-size rows, each read from a zero state to its end.",
        .example = "mpirun -np 8 lstm_mpi evaluate --checkpoint runs/novel/checkpoint.h5 --corpus other.txt",
        .run = command_evaluate,
    },
    {
        .settings = SETTINGS_INSPECT,
        .synopsis = "[OPTIONS] FILE [FILE]",
        .summary = "show what is in a checkpoint, a metrics.h5 or a run directory",
        .description = "Prints a summary of a checkpoint, of a metrics.h5, or of the newest ones in a run "
                       "directory: format, settings, parameters, progress, metrics. Of two checkpoints, in "
                       "what they differ.",
        .example = "lstm_mpi inspect runs/novel/checkpoint.h5",
        .run = command_inspect,
    },
    {
        .settings = SETTINGS_REPORT,
        .synopsis = "[OPTIONS] RUN_DIR [RUN_DIR ...]",
        .summary = "show runs as a page for a web browser",
        .description =
            "Writes one HTML page with the curves, the ranks' times, the samples and the settings of one "
            "run or several. The page needs no network.",
        .example = "lstm_mpi report runs/novel runs/other --output novel.html",
        .run = command_report,
    },
    {
        .settings = SETTINGS_EXPORT,
        .synopsis = "--checkpoint FILE FILE.safetensors",
        .summary = "write a model for PyTorch, as safetensors",
        .description =
            "Writes the model of a checkpoint as a safetensors file whose tensors are those of a PyTorch "
            "state_dict; the vocabulary and the settings go along in its metadata.",
        .example = "lstm_mpi export --checkpoint runs/novel/checkpoint.h5 novel.safetensors",
        .run = command_export,
    },
    {
        .settings = SETTINGS_IMPORT,
        .synopsis = "FILE.safetensors --checkpoint FILE [OPTIONS]",
        .summary = "make a checkpoint of a model from PyTorch",
        .description =
            "Makes a checkpoint of a safetensors file that export wrote, or that was saved from PyTorch: "
            "its modules are then named rnn, linear and embedding.",
        .example = "lstm_mpi import novel.safetensors --checkpoint novel.h5",
        .run = command_import,
    },
    {
        .settings = SETTINGS_CHECK,
        .synopsis = "[OPTIONS]",
        .summary = "test that a network's gradients are right and that it learns",
        .description =
            "For those who added a cell, or want to trust a build. Compares the gradients of every tensor, "
            "of the network of a checkpoint or of a fresh one, with central differences of the loss, and "
            "trains "
            "on one batch of random tokens until the perplexity is 1. The exit status is 0 if all is as it "
            "should be, else 1.",
        .example = "mpirun -np 2 lstm_mpi check --cell gru --num-layers 2",
        .run = command_check,
    },
    {0},
};
