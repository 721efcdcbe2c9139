# syntax=docker/dockerfile:1
# One image, one process: every role, the log, the metadata and the segments in /data.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src ./src
RUN dotnet publish src/Host -c Release -o /app -p:UseAppHost=false

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID:$APP_UID /data
USER $APP_UID
# 19530: the Milvus gRPC API. 9091: health and metrics.
EXPOSE 19530 9091
VOLUME /data
ENTRYPOINT ["dotnet", "minimilvus.dll", "run", "--data", "/data", "--listen", "0.0.0.0"]
