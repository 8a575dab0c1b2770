"""From a text or a recording to sound, and to the motion of the face that speaks it."""
