"""The renderer's tools: camera, canvas, light and texture."""
