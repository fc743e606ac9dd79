"""Pad and end tokens, and the padding side, in the tokenizer and in `model.generation_config`."""

from workbench.export.piece import Loading, Piece
from workbench.export.python import assignment, literal
from workbench.export.request import Request


def piece(loading: Loading) -> Piece:
    """Ids are promised where they are known: asked by number, or read back in a session."""
    request, side = loading.request, literal(loading.config.padding_side)
    ends, pad = _end_ids(request), _pad_id(request)
    ran = ['"padding_side": tokenizer.padding_side,']
    promised = [f'"padding_side": {side},']
    if ends is not None:
        ran.append('"eos_token_id": model.generation_config.eos_token_id,')
        promised.append(f'"eos_token_id": {literal(ends)},')
    if pad is not None:
        ran += ['"pad_token_id": tokenizer.pad_token_id,']
        promised.append(f'"pad_token_id": {literal(pad)},')
    lines = [
        *_end_tokens(ends),
        *_pad_token(request),
        "model.generation_config.pad_token_id = tokenizer.pad_token_id",
        f"tokenizer.padding_side = {side}",
    ]
    return Piece({"tokens": lines, "ran": ran, "promised": promised})


def _end_ids(request: Request) -> list[int] | None:
    ids = request.config.eos_token_ids
    if ids == "auto":
        ids = request.resolved.eos_token_ids if request.resolved else ()
    return list(ids) or None


def _pad_id(request: Request) -> int | None:
    if request.resolved:
        return request.resolved.pad_token_id
    return request.config.pad_token if isinstance(request.config.pad_token, int) else None


def _end_tokens(ids: list[int] | None) -> list[str]:
    if ids is not None:
        return [assignment("eos_token_ids", literal(ids)), "model.generation_config.eos_token_id = eos_token_ids"]
    return [
        "eos_token_ids = model.generation_config.eos_token_id",
        "if eos_token_ids is None:",
        "    eos_token_ids = tokenizer.eos_token_id",
        "if not isinstance(eos_token_ids, list):",
        "    eos_token_ids = [eos_token_ids]",
        "model.generation_config.eos_token_id = eos_token_ids",
    ]


def _pad_token(request: Request) -> list[str]:
    asked, known = request.config.pad_token, _pad_id(request)
    if known is not None:
        return [f"tokenizer.pad_token = tokenizer.convert_ids_to_tokens({literal(known)})"]
    if asked == "unk":
        return ["tokenizer.pad_token = tokenizer.unk_token"]
    first_end = "tokenizer.pad_token = tokenizer.convert_ids_to_tokens(eos_token_ids[0])"
    return [first_end] if asked == "eos" else ["if tokenizer.pad_token_id is None:", f"    {first_end}"]
