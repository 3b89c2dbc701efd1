"""Stage `speak`: an avatar speaks new audio over the cue frames of its reference clip."""

from typing import Annotated

import torch
import typer

from emotag.camera import Camera
from emotag.device import choose_device, move
from emotag.head.model import HeadModel
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.media.video import AI_MARK, read_frames, read_lossless, write_video
from emotag.progress import summary, track
from emotag.synthesis.align import aligned_cues
from emotag.synthesis.drive import render_sequence
from emotag.synthesis.drive import speak as predict
from emotag.synthesis.footage import Footage, paste, whole_frame
from emotag.synthesis.store import load_avatar
from emotag.tables import column, read_table
from emotag.training.clip import load_features
from stages.run import run
from stages.settings import load_settings
from stages.workspace import Workspace


def speak(video: Annotated[str, typer.Option(help="Video of params.yaml: an avatar and a sound.")]) -> None:
    """Write reports/videos/<identity>/<video>.mp4: H.264 with AAC sound, marked as AI-generated."""
    workspace = Workspace()
    settings = load_settings()
    entry = settings.video(video)
    device = choose_device(settings.device)
    head = HeadModel.load(workspace.head).to(device)
    avatar = load_avatar(workspace.avatar(entry.identity)).to(device)
    features = move(load_features(workspace.file("features", entry.reference, "parquet")), device)
    table = read_table(workspace.file("audio", entry.sound, "parquet"))
    audio = torch.from_numpy(column(table, "audio")).to(device)

    matte = read_lossless(workspace.file("matte", entry.reference, "mkv"))
    footage = Footage.make(read_frames(workspace.file("crop", entry.reference, "mp4")), matte, settings.compose.plate)
    cues, frames = aligned_cues(head, avatar, features, footage, settings.compose.alignment).looped(len(audio))
    motion = predict(avatar, audio, cues)
    window = whole_frame(footage)
    camera = Camera(avatar.person.focal_length, window.width, window.height)
    renders = render_sequence(head, avatar, motion, cues.pose, camera, window)
    underlays = footage.underlays(settings.compose.composition).to(device)
    output = workspace.reports / "videos" / entry.identity / f"{video}.mp4"
    sound = read_audio(settings.sounds[entry.sound].file)
    images = track(paste(renders, underlays, frames), f"speaking {entry.sound}", total=len(audio))
    count = write_video(output, images, crf=14, intra=False, audio=(sound, SAMPLE_RATE), comment=AI_MARK)
    summary("speak", [("frames", count), ("sound", settings.sounds[entry.sound].file), ("video", output)])


if __name__ == "__main__":
    run(speak)
