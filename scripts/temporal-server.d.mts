export interface TemporalServer {
  readonly address: string
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}
export function temporalBinary(): string
export function startTemporal(options?: {
  readonly db?: string
  readonly port?: number
  readonly log?: 'inherit' | 'ignore'
}): Promise<TemporalServer>
export function freePort(): Promise<number>
