export interface DaprProgram {
  readonly pid: number | undefined
  readonly alive: boolean
  readonly log: string
  start(): void
  kill(): Promise<void>
}

export interface DaprApp {
  readonly id: string
  readonly host: string
  readonly grpcPort: number
  readonly httpPort: number
  readonly pid: number | undefined
  start(): Promise<void>
  kill(): Promise<void>
}

export interface DaprCluster {
  readonly placement: DaprProgram
  readonly scheduler: DaprProgram
  app(id: string, workflow?: { readonly activities?: number; readonly workflows?: number }): Promise<DaprApp>
  stop(): Promise<void>
}

export function startCluster(folder: string): Promise<DaprCluster>
export function freePort(): Promise<number>
