import fs from 'node:fs'
export const probe = [fs, AbortSignal, Math.random(), Date.now()]
