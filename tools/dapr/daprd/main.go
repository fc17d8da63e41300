// A daprd for tests on one machine: Dapr's own runtime with the three components that they need, and no others, so
// that it is built in minutes from the Go modules that go.mod pins. It takes the flags of the real one.
package main

import (
	"context"
	"errors"
	"log"
	"os"

	"go.opencensus.io/stats/view"

	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/state"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/cmd/daprd/options"
	resolvers "github.com/dapr/dapr/pkg/components/nameresolution"
	stores "github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

func main() {
	given, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	given.Logger.SetAppID(given.AppID)
	if err := logger.ApplyOptionsToLoggers(&given.Logger); err != nil {
		log.Fatal(err)
	}
	if err := run(signals.Context(), given); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func components() *registry.Options {
	logs := logger.NewLogger("dapr.contrib")
	stores.DefaultRegistry.Logger = logs
	stores.DefaultRegistry.RegisterComponent(statesqlite.NewSQLiteStateStore, "sqlite")
	stores.DefaultRegistry.RegisterComponent(func(logs logger.Logger) state.Store {
		return inmemory.NewInMemoryStateStore(logs)
	}, "in-memory")
	resolvers.DefaultRegistry.Logger = logs
	resolvers.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	return registry.NewOptions().
		WithStateStores(stores.DefaultRegistry).
		WithNameResolutions(resolvers.DefaultRegistry)
}

func run(ctx context.Context, given *options.Options) error {
	health := healthz.New()
	keys, err := security.New(ctx, security.Options{
		AppID:                   given.AppID,
		ControlPlaneNamespace:   given.ControlPlaneNamespace,
		ControlPlaneTrustDomain: given.ControlPlaneTrustDomain,
		Mode:                    modes.StandaloneMode,
		Healthz:                 health,
	})
	if err != nil {
		return err
	}
	return concurrency.NewRunnerManager(keys.Run, func(ctx context.Context) error {
		handler, err := keys.Handler(ctx)
		if err != nil {
			return err
		}
		daprd, err := runtime.FromConfig(ctx, configOf(given, handler, health))
		if err != nil {
			return err
		}
		return daprd.Run(ctx)
	}).Run(ctx)
}

func configOf(given *options.Options, handler security.Handler, health healthz.Healthz) *runtime.Config {
	return &runtime.Config{
		AppID:                         given.AppID,
		Mode:                          given.Mode,
		AppProtocol:                   given.AppProtocol,
		ActorsService:                 given.ActorsService,
		ActorsDisseminationTimeout:    given.ActorsDisseminationTimeout,
		RemindersService:              given.RemindersService,
		SchedulerAddress:              given.SchedulerAddress,
		SchedulerStreams:              given.SchedulerJobStreams,
		AllowedOrigins:                given.AllowedOrigins,
		ResourcesPath:                 given.ResourcesPath,
		Config:                        given.Config,
		DaprHTTPPort:                  given.DaprHTTPPort,
		DaprAPIGRPCPort:               given.DaprAPIGRPCPort,
		DaprAPIListenAddresses:        given.DaprAPIListenAddresses,
		DaprInternalGRPCPort:          given.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: given.DaprInternalGRPCListenAddress,
		ApplicationPort:               given.AppPort,
		AppMaxConcurrency:             given.AppMaxConcurrency,
		ProfilePort:                   given.ProfilePort,
		DaprPublicPort:                given.DaprPublicPort,
		AppChannelAddress:             given.AppChannelAddress,
		MaxRequestSize:                given.MaxRequestSize,
		ReadBufferSize:                given.ReadBufferSize,
		DaprGracefulShutdownSeconds:   given.DaprGracefulShutdownSeconds,
		DisableBuiltinK8sSecretStore:  true,
		Metrics: metrics.Options{
			Log:       logger.NewLogger("dapr.runtime"),
			Port:      "0",
			Namespace: metrics.DefaultMetricNamespace,
			Healthz:   health,
			Meter:     view.NewMeter(),
		},
		Registry: components(),
		Security: handler,
		Healthz:  health,
	}
}
