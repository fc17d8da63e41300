import { setTimeout as delay } from 'node:timers/promises'
import { type Tool, tool } from 'holdfast'
import { z } from 'zod'
import { readCsv } from './csv.ts'
import type { OnStep } from './on-step.ts'

export interface WeatherOptions {
  readonly dataDir: string
  readonly onStep?: OnStep | undefined
  /** Milliseconds per day that is looked at. */
  readonly latency?: number
}

const DAY = 24 * 60 * 60 * 1000

/** A slow tool that reports its progress. When it is interrupted it may simply run again: `repeatable`, the default. */
export function checkWeather({ dataDir, onStep, latency = 40 }: WeatherOptions): Tool {
  const climate = readCsv(dataDir, 'climate.csv')
  return tool({
    name: 'checkWeather',
    description: 'What the weather is usually like at an airport, from a day on.',
    input: z.object({
      airport: z.string().regex(/^[A-Z]{3}$/),
      date: z.iso.date(),
      days: z.int().min(1).max(14).default(5),
    }),
    timeout: '30s',
    execute: async ({ airport, date, days }, { signal, stepId, progress }) => {
      const lows: number[] = []
      const highs: number[] = []
      for (let day = 0; day < days; day++) {
        await delay(latency, undefined, { signal })
        const month = new Date(Date.parse(date) + day * DAY).getUTCMonth() + 1
        const normal = climate.find((row) => row['airport'] === airport && row['month'] === String(month))
        if (!normal) throw new Error(`There are no records for ${airport}.`)
        lows.push(Number(normal['low']))
        highs.push(Number(normal['high']))
        progress({ day: day + 1, of: days })
        if (day === Math.floor(days / 2)) {
          await onStep?.({ tool: 'checkWeather', stepId, note: `day ${day + 1} of ${days}` })
        }
      }
      const low = Math.min(...lows)
      const high = Math.max(...highs)
      return { airport, low, high, pack: high < 12 ? 'a warm coat' : high < 20 ? 'a light jacket' : 'light clothes' }
    },
  })
}
